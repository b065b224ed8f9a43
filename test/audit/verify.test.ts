import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extend } from "../../shared/access/audit/records.ts";
import { eventOf, type Installation, run, startInstallation } from "./installation.ts";

let muster: Installation;
beforeAll(async () => {
  muster = await startInstallation();
});
afterAll(() => muster.stop());

/** Runs the command about one tenant; with anchors, those that were noted of it. */
const verify = (tenantId: string, ...more: string[]) => muster.run(["--tenant", tenantId, ...more]);
const noted = (tenantId: string): string[] =>
  muster.anchors.filter((line) => line.includes(tenantId));
const withAnchors = (tenantId: string, lines = noted(tenantId)) =>
  verify(tenantId, "--anchors", muster.anchorFile(lines));
const changed = (text: string): string => text.replace("allowed", "refused");

describe("an untouched chain", () => {
  test("is intact, with its records, its head and as many anchors as agree", async () => {
    const tenantId = await muster.tenantWith(5);
    const { hash } = await muster.linkAt(tenantId, 5);
    const ended = await withAnchors(tenantId);
    expect(ended).toMatchObject({ code: 0, complained: "" });
    expect(ended.said).toContain(
      `intact  ${tenantId} 2026-08  records 5  head 5 ${hash}  anchors 5`,
    );
    expect(ended.said).toContain("1 partitions, 5 records: all intact; 5 anchors agree");
  });

  test("stays so while it grows, and for the anchors of every earlier verification", async () => {
    const tenantId = await muster.tenantWith(2);
    const before = await verify(tenantId, "--json");
    await muster.append(tenantId, 3);
    const ended = await withAnchors(tenantId, [before.said]);
    expect(ended).toMatchObject({ code: 0, said: expect.stringContaining("anchors 1") });
  });
});

describe("somebody who may write the table", () => {
  test("cannot change a record's text", async () => {
    const tenantId = await muster.tenantWith(4);
    const link = await muster.linkAt(tenantId, 2);
    await muster.put(tenantId, { ...link, text: changed(link.text) });
    const ended = await verify(tenantId);
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.said).toContain(
      "record 2 was changed after it was written (near 2026-08-10T12:00:02.000Z)",
    );
    expect(ended.said).toContain("1 BROKEN");
  });

  test("cannot change a record's text and its hash", async () => {
    const tenantId = await muster.tenantWith(4);
    const [first, link] = [await muster.linkAt(tenantId, 1), await muster.linkAt(tenantId, 2)];
    await muster.put(tenantId, extend(first, [changed(link.text)])[0] ?? link);
    expect(await verify(tenantId)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 2 is not the one"),
    });
  });

  test.each([1, 3])("cannot remove record %d", async (sequence) => {
    const tenantId = await muster.tenantWith(4);
    await muster.remove(tenantId, sequence);
    expect(await verify(tenantId)).toMatchObject({
      code: 1,
      said: expect.stringContaining(`record ${sequence} is missing`),
    });
  });

  test.each(["a1", "e0", "e9999999999975", "e9999999999995"])(
    "cannot slip a record in under the key %s",
    async (rowKey) => {
      const tenantId = await muster.tenantWith(3);
      await muster.putAt(tenantId, rowKey, await muster.linkAt(tenantId, 3));
      expect(await verify(tenantId)).toMatchObject({ code: 1 });
    },
  );

  test("cannot slip a record in after the last one", async () => {
    const tenantId = await muster.tenantWith(3);
    const link = await muster.linkAt(tenantId, 3);
    await muster.put(tenantId, { ...link, sequence: 4, previous: link.hash });
    expect(await verify(tenantId)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 4 stands after"),
    });
  });

  test("cannot take the head away, nor set it back", async () => {
    const [one, other] = [await muster.tenantWith(3), await muster.tenantWith(3)];
    await muster.removeHead(one);
    await muster.putHead(other, await muster.linkAt(other, 2));
    expect(await verify(one)).toMatchObject({ code: 1 });
    expect(await verify(other)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 3 stands after"),
    });
  });

  test("cannot cut off the end together with its head, where an anchor is kept", async () => {
    const tenantId = await muster.tenantWith(4);
    await muster.remove(tenantId, 4);
    await muster.putHead(tenantId, await muster.linkAt(tenantId, 3));
    // The chain alone does not tell.
    expect(await verify(tenantId)).toMatchObject({ code: 0 });
    const ended = await withAnchors(tenantId);
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.said).toContain("record 4 is missing, and all after it");
    // Nor by letting it grow again to its old length.
    await muster.append(tenantId, 5);
    expect(await withAnchors(tenantId)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 4 is not the one that an anchor names"),
    });
  });

  test("cannot compute the whole chain anew, where an anchor is kept", async () => {
    const tenantId = await muster.tenantWith(5);
    const { text } = await muster.linkAt(tenantId, 3);
    await muster.rewrite(tenantId, 5, { 3: changed(text) });
    expect(await verify(tenantId)).toMatchObject({ code: 0 });
    // The newest anchor tells that something is wrong, the oldest that differs tells from where on.
    const ended = await withAnchors(tenantId);
    expect(ended.said).toContain("record 3 is not the one that an anchor names");
    expect(ended).toMatchObject({ code: 1 });
    expect(await withAnchors(tenantId, noted(tenantId).slice(-1))).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 5 is not the one that an anchor names"),
    });
  });

  test("cannot remove a partition as a whole, where an anchor is kept", async () => {
    const tenantId = await muster.tenantWith(2);
    const kept = noted(tenantId);
    for (const sequence of [1, 2]) await muster.remove(tenantId, sequence);
    await muster.removeHead(tenantId);
    expect(await verify(tenantId)).toMatchObject({ code: 2 });
    expect(await withAnchors(tenantId, kept)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 1 is missing, and all after it"),
    });
  });

  test("cannot move another tenant's record in, even with hashes that fit", async () => {
    const [tenantId, other] = [await muster.tenantWith(3), await muster.tenantWith(3)];
    const theirs = await muster.linkAt(other, 2);
    await muster.put(tenantId, theirs);
    expect(await verify(tenantId)).toMatchObject({ code: 1 });
    const again = await muster.tenantWith(3);
    await muster.rewrite(again, 3, { 2: theirs.text });
    expect(await verify(again)).toMatchObject({
      code: 1,
      said: expect.stringContaining("record 2 belongs to another trail"),
    });
    // Its own, of another month.
    const old = JSON.stringify({ ...eventOf(again, 2), at: "2026-07-31T12:00:00.000Z" });
    await muster.rewrite(again, 3, { 2: old });
    expect(await verify(again)).toMatchObject({ code: 1 });
  });
});

describe("the command", () => {
  test("verifies every partition, and ends with 1 when one of them is broken", async () => {
    const [fine, bad] = [await muster.tenantWith(2), await muster.tenantWith(2)];
    await muster.remove(bad, 1);
    const ended = await muster.run(["--json"]);
    expect(ended).toMatchObject({ code: 1, complained: expect.stringContaining("BROKEN") });
    const lines = ended.said
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { partition: string; verdict: string });
    expect(lines.find(({ partition }) => partition.startsWith(fine))).toMatchObject({
      verdict: "intact",
      records: 2,
    });
    expect(lines.find(({ partition }) => partition.startsWith(bad))).toMatchObject({
      verdict: "broken",
      fault: { sequence: 1, what: "missing" },
    });
    // What is broken is no anchor for the next time.
    const broken = ended.said.split("\n").filter((line) => line.includes(bad));
    expect(await withAnchors(bad, broken)).toMatchObject({
      code: 2,
      complained: expect.stringContaining("no audit.anchor line"),
    });
  });

  test("finds the storage of a Muster on this machine by its ready.json", async () => {
    const tenantId = await muster.tenantWith(1);
    const ready = { url: "http://127.0.0.1:1", storageConnection: muster.connectionString };
    writeFileSync(join(muster.home, "ready.json"), JSON.stringify(ready));
    const ended = await run(["--tenant", tenantId], { MUSTER_HOME: muster.home });
    expect(ended).toMatchObject({ code: 0, said: expect.stringContaining(tenantId) });
    const other = await run([], { MUSTER_HOME: join(muster.home, "nowhere") });
    expect(other).toMatchObject({ code: 2, complained: expect.stringContaining("nowhere") });
  });

  test("reads anchors out of tables in which quotation marks are doubled or escaped", async () => {
    const tenantId = await muster.tenantWith(2);
    const [first = "", second = ""] = noted(tenantId);
    const csv = `"${first.replaceAll('"', '""')}",x`;
    const nested = JSON.stringify({ message: second });
    const ended = await withAnchors(tenantId, [csv, nested]);
    expect(ended).toMatchObject({ code: 0, said: expect.stringContaining("2 anchors agree") });
  });

  test.each([
    ["no storage", [], { MUSTER_HOME: "/no/such/home" }, "Set AzureWebJobsStorage"],
    ["an id that is none", ["--tenant", "contoso"], {}, "--tenant takes"],
    ["an option that is none", ["--fast"], {}, "--fast"],
    ["a file that is not there", ["--anchors", "/no/such/file"], { here: "" }, "/no/such/file"],
    [
      "a trail that is not there",
      ["--tenant", "00000000-0000-4000-8000-000000000000"],
      { here: "" },
      "Nothing was verified",
    ],
  ])("ends with 2 when it could not look: %s", async (_name, args, settings, words) => {
    const { here, ...env } = settings as Record<string, string>;
    const storage = here === undefined ? {} : { AzureWebJobsStorage: muster.connectionString };
    const ended = await run(args, { ...env, ...storage });
    expect(ended).toMatchObject({ code: 2, complained: expect.stringContaining(words) });
    expect(ended.said).not.toContain("intact");
  });
});
