/** Items out of a zip: those of a sync's artifacts, and everything that is no such zip is refused whole. */
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZipFile } from "yazl";
import { succeed } from "../../../shared/kernel/failure.ts";
import { artifactsOf } from "../../../shared/sync/artifacts.ts";
import { itemsInZip } from "../../../shared/sync/zip-items.ts";
import { type SyncRig, startSyncRig } from "./sync-rig.ts";

type Files = readonly (readonly [name: string, content: string | Buffer])[];
const tag = (key: string, more: object = {}): string =>
  JSON.stringify({ type: "roleScopeTag", key, name: key, body: { displayName: key }, ...more });
const place = (name: string): string => `wanted/roleScopeTag/${name}.json`;

/** A zip of files as they are, so that their bytes can be found in it. */
function zipOf(files: Files, compress = false): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of files) zip.addBuffer(Buffer.from(content), name, { compress });
  zip.end();
  return buffer(zip.outputStream);
}

const read = (zip: Uint8Array, folder = "wanted") =>
  itemsInZip((take) => {
    // In two pieces, as they may come.
    take(zip.subarray(0, 10));
    take(zip.subarray(10));
    return Promise.resolve(succeed(undefined));
  }, folder);

/** A zip with some bytes of its own changed to others of that number. */
function altered(zip: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  const changed = Buffer.from(zip);
  for (let at = changed.indexOf(from); at >= 0; at = changed.indexOf(from, at + 1))
    changed.set(Buffer.from(to), at);
  return changed;
}

describe("items in a zip", () => {
  it("are those of one folder, each with its place", async () => {
    const zip = await zipOf([
      ["sync.json", "{}"],
      ["before/roleScopeTag/a.json", tag("Old")],
      [place("a"), tag("A")],
      [place("b"), `\ufeff${tag("B")}`],
      ["wanted/notes.txt", "not JSON"],
    ]);
    const found = await read(zip);
    if (!found.ok) throw new Error(found.failure.detail);
    const { items, placeOf } = found.value;
    expect(items.map(({ key }, at) => [key, placeOf(at)])).toEqual([
      ["A", "/wanted/roleScopeTag/a.json"],
      ["B", "/wanted/roleScopeTag/b.json"],
    ]);
    expect(await read(zip, "before")).toMatchObject({
      ok: true,
      value: { items: [{ key: "Old" }] },
    });
  });

  const good: Files = [
    [place("a"), tag("A")],
    [place("b"), tag("B")],
  ];

  it.each<[string, () => Promise<Buffer>, RegExp]>([
    ["what is no zip", () => Promise.resolve(Buffer.from("no zip at all")), /cannot be read/],
    ["nothing", () => Promise.resolve(Buffer.alloc(0)), /cannot be read/],
    [
      "one whose end is cut off",
      async () => (await zipOf(good)).subarray(0, -20),
      /cannot be read/,
    ],
    [
      "one whose beginning is cut off",
      async () => (await zipOf(good)).subarray(40),
      /cannot be read/,
    ],
    [
      "one with a file whose name leads out of it",
      async () => altered(await zipOf(good), place("b"), `../${place("b").slice(3)}`),
      /cannot be read/,
    ],
    [
      "one without that folder",
      () => zipOf([["before/x.json", tag("A")]]),
      /no items in the folder/,
    ],
    [
      "more items than an import has",
      () => zipOf(Array.from({ length: 2001 }, (_, at) => [place(`${at}`), tag(`${at}`)] as const)),
      /at most 2000 items/,
    ],
    [
      "more files than any such zip has",
      () => zipOf(Array.from({ length: 6101 }, (_, at) => [`x${at}`, ""] as const)),
      /6100 files/,
    ],
    [
      "a file that unpacks to very much",
      () => zipOf([[place("a"), " ".repeat(2 ** 20 + 1)]], true),
      /may unpack to/,
    ],
    [
      "files that unpack to very much together",
      () =>
        zipOf(
          Array.from({ length: 17 }, (_, at) => [place(`${at}`), " ".repeat(2 ** 20)] as const),
          true,
        ),
      /may unpack to/,
    ],
  ])("are refused whole of %s", async (_, make, words) => {
    expect(await read(await make())).toMatchObject({
      ok: false,
      failure: { detail: expect.stringMatching(words) as string },
    });
  });

  it("are refused with every fault and the file that it is in", async () => {
    const zip = await zipOf([
      [place("a"), tag("A")],
      [place("a"), tag("A")],
      [place("c"), '{"type":'],
      [place("d"), tag("D", { key: "" })],
      [place("e"), tag("E", { extra: 1 })],
      [place("f"), tag("damaged")],
      // As an editor on Windows saves it that knows no UTF-8: a replaced character would be deployed.
      [place("g"), Buffer.from(tag("Montréal"), "latin1")],
    ]);
    const damaged = altered(zip, "damaged", "damagEd");
    const answer = await read(damaged);
    const faults = answer.ok ? [] : (answer.failure.faults ?? []);
    expect(faults.map(({ pointer }) => pointer)).toEqual(
      ["a.json", "c.json", "d.json/key", "e.json/extra", "f.json", "g.json"].map(
        (name) => `/wanted/roleScopeTag/${name}`,
      ),
    );
  });
});

describe("a packed file", () => {
  const zipped = () =>
    zipOf(
      [
        [place("a"), tag("A")],
        [place("b"), tag("B".repeat(99))],
      ],
      true,
    );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(Buffer.byteLength(tag("A")));

  it.each<[string, () => Promise<Buffer>, string]>([
    [
      "is larger than its directory says",
      async () => altered(await zipped(), size, Buffer.from([9, 0, 0, 0])),
      "a",
    ],
    [
      "cannot be unpacked",
      async () => {
        const zip = await zipped();
        // Behind the name of the second file: a block of a kind that there is none of.
        const at = zip.indexOf(place("b")) + place("b").length;
        return zip.fill(0xff, at, at + 8);
      },
      "b",
    ],
  ])("that %s is named, and nothing of the zip is taken", async (_, make, name) => {
    const answer = await read(await make());
    expect(answer.ok ? [] : answer.failure.faults).toEqual([
      { pointer: `/${place(name)}`, detail: "is damaged" },
    ]);
  });
});

describe("the zip of a sync", () => {
  let rig: SyncRig;
  beforeAll(async () => {
    rig = await startSyncRig();
  });
  afterAll(() => rig.stop());
  const by = { kind: "user", id: "ada" };
  const take = async (tenantId: string, zip: Uint8Array) => {
    const found = await read(zip);
    if (!found.ok) throw new Error(found.failure.detail);
    const { items, placeOf } = found.value;
    return rig.configuration.take(tenantId, items, { message: "from a zip", by }, placeOf);
  };

  it("takes another tenant to the same, and the one that it is of to no change", async () => {
    const tenantId = await rig.tenant();
    const sync = await rig.sync(tenantId);
    const zip = await buffer(artifactsOf(rig.parts, sync));
    const own = await Array.fromAsync(rig.configuration.plain(tenantId));
    expect(await take(tenantId, zip)).toMatchObject({ ok: true });
    expect(await Array.fromAsync(rig.configuration.plain(tenantId))).toEqual(own);
    const other = await rig.tenant();
    expect(await take(other, zip)).toMatchObject({ ok: true });
    expect(await Array.fromAsync(rig.configuration.plain(other))).toEqual(own);
  });

  it("changes nothing where an item is there twice, under two names", async () => {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId);
    const before = await rig.status(tenantId);
    const twice = await zipOf([
      [place("a"), tag("New")],
      [place("b"), tag("New")],
    ]);
    expect(await take(tenantId, twice)).toMatchObject({
      ok: false,
      failure: {
        faults: [
          {
            pointer: "/wanted/roleScopeTag/b.json",
            detail: expect.stringContaining("second time") as string,
          },
        ],
      },
    });
    expect(await rig.status(tenantId)).toEqual(before);
  });
});
