/** The zip of a sync: read back by another library, and made piece by piece, over Azurite. */

import { randomBytes, randomUUID } from "node:crypto";
import { assert, constantFrom, oneof, property, string, uniqueArray } from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { artifactsOf, safeName } from "../../../shared/sync/artifacts.ts";
import { typeOf } from "../../../shared/sync/catalogue/catalogue.ts";
import type { JsonObject } from "../../../shared/sync/items/json.ts";
import { type KeptItem, Repository } from "../../../shared/sync/revisions/revisions.ts";
import { Sync } from "../../../shared/sync/state/sync.ts";
import { SyncStore } from "../../../shared/sync/state/sync-store.ts";
import { heldMiB } from "../../support/held-memory.ts";
import { unzipped } from "../../support/unzip.ts";
import { testStorage } from "../storage/open-storage.ts";
import { type SyncRig, startSyncRig } from "./sync-rig.ts";

/** Devices of Windows and what a path could be made of. */
const nasty = [
  "../../etc/passwd",
  "..",
  "CON",
  "a/b",
  "a\\b",
  "C:\\x",
  "a\0b",
  "A",
  "a",
  "",
  " .",
  "é".repeat(512),
];

describe("a file's name", () => {
  it("is no path, hidden by nobody, and as long as file systems take it, whatever the key is", () => {
    const anyKey = oneof(constantFrom(...nasty), string({ unit: "binary" }));
    assert(
      property(anyKey, (key) => {
        const name = `${safeName(key)}.json`;
        expect(name).toMatch(/^[\p{L}\p{M}\p{N}-]+\.[0-9a-f]{12}\.json$/u);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
      }),
    );
  });

  it("differs for different keys, also where a system takes capitals for small letters", () => {
    const keys = uniqueArray(oneof(constantFrom(...nasty), string({ unit: "binary" })));
    assert(
      property(keys, (some) => {
        const names = some.map((key) => safeName(key).toLowerCase());
        expect(new Set(names).size).toBe(some.length);
      }),
    );
  });
});

async function bytesOf(zip: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of zip) pieces.push(piece);
  return Buffer.concat(pieces);
}

const parsed = (text: string | undefined): JsonObject => JSON.parse(text ?? "null") as JsonObject;

describe("the zip of a sync", () => {
  let rig: SyncRig;
  beforeAll(async () => {
    rig = await startSyncRig();
  });
  afterAll(() => rig.stop());

  it("has what it read when it only read, and no plan", async () => {
    const tenantId = await rig.tenant();
    const first = await rig.sync(tenantId);
    const files = await unzipped(await bytesOf(artifactsOf(rig.parts, first)));
    const folders = [...new Set([...files.keys()].map((name) => name.split("/")[0]))];
    expect(folders).toEqual(["sync.json", "report.json", "log.ndjson", "before", "wanted"]);
    expect(parsed(files.get("sync.json"))).toMatchObject({ outcome: "succeeded" });
  });

  it("shows an item as it was, as it was wanted, and as it is, with the plan between", async () => {
    const tenantId = await rig.tenant();
    await rig.sync(tenantId);
    const [, tag] = await rig.inTenant(tenantId, "roleScopeTag");
    const path = `roleScopeTag/${tag?.id}`;
    await rig.byHand("PATCH", tenantId, path, { description: "drift" });
    const found = await rig.sync(tenantId);
    await rig.approve(found);
    const done = await rig.toRest(tenantId, found.syncId);
    const files = await unzipped(await bytesOf(artifactsOf(rig.parts, done)));
    const name = String(tag?.["displayName"]);
    const item = (folder: string): JsonObject =>
      parsed(files.get(`${folder}/roleScopeTag/${safeName(name)}.json`));
    expect(item("before")).toMatchObject({ type: "roleScopeTag", key: name, name });
    expect(item("before")["body"]).toMatchObject({ description: "drift" });
    expect(item("wanted")["body"]).toMatchObject({ description: tag?.["description"] });
    expect(item("after")).toEqual(item("wanted"));
    expect(parsed(files.get("plan.json"))).toMatchObject({
      planHash: done.plan?.hash,
      changes: [{ type: "roleScopeTag", key: name, action: "update" }],
    });
    expect(parsed(files.get("report.json"))["items"]).toMatchObject([{ state: "done" }]);
    const log = (files.get("log.ndjson") ?? "").trimEnd().split("\n").map(parsed);
    expect(log.map(({ event }) => event)).toContain("item.done");
    expect(files.size).toBeGreaterThan(8);
  });
});

/** 2,000 of them, or an eighth. */
const manyItems = 2_000;

/** 5 KB that hardly become less in a zip, and not the same twice. */
const noise = randomBytes(manyItems + 3_750);
const textOf = (at: number): string => noise.subarray(at, at + 3_750).toString("base64");

const keyOf = (at: number): string => `Tag ${String(at).padStart(5, "0")}`;

/** Items of 5 KB. */
const large = (round: string): KeptItem[] =>
  Array.from({ length: manyItems }, (_, at): KeptItem => {
    const key = keyOf(at);
    const named = { type: "roleScopeTag", key, name: key };
    return {
      item: { ...named, body: { displayName: key, description: `${round} ${textOf(at)}` } },
      entry: { ...named, hash: `${round}-${at}` },
    };
  });

/** A sync that has changed everything of a large tenant, and how many packs were read since it was made. */
async function largeSync() {
  let packs = 0;
  const { tables, blobs } = await testStorage(undefined, (operation, call) => {
    if (operation === "blob.get") packs += 1;
    return call();
  });
  const revisions = new Repository(blobs);
  const tenantId = randomUUID();
  const trees: string[] = [];
  for (const round of ["before", "wanted"]) {
    const manifest = await revisions.putType(tenantId, "roleScopeTag", large(round));
    trees.push(await revisions.putTree(tenantId, { roleScopeTag: manifest }));
  }
  const [before = "", wanted = ""] = trees;
  const sync = Sync.parse({
    v: 1,
    tenantId,
    syncId: newestFirstId(0),
    mode: "planAndDeploy",
    trigger: "manual",
    requestedBy: { kind: "user", id: "ada" },
    startedAt: 0,
    finishedAt: 1,
    types: ["roleScopeTag"],
    onMissingUser: "wait",
    skipped: [],
    phase: "done",
    base: before,
    desired: wanted,
    snapshot: wanted,
    replans: 0,
    deployed: { done: manyItems, failed: 0, waiting: 0, skipped: 0 },
    leaseUntil: 0,
    touchedAt: 1,
    losses: 0,
  });
  packs = 0;
  const parts = { store: new SyncStore(tables), revisions, typeOf };
  return { zip: artifactsOf(parts, sync), packs: (): number => packs };
}

describe("the zip of many items, three times over", () => {
  it("holds a few packs of thirty while it is made, and is whole", async () => {
    const { zip, packs } = await largeSync();
    // What the reader keeps is its own.
    const kept = Buffer.allocUnsafeSlow(64 * 2 ** 20);
    const before = heldMiB();
    const held: number[] = [];
    let [read, size] = [0, 0];
    for await (const piece of zip) {
      read += 1;
      kept.set(piece, size);
      size += piece.byteLength;
      if (read % 500 === 0) held.push(heldMiB() - before);
    }
    expect(size).toBeGreaterThan(3 * manyItems * 3_750);
    const last = keyOf(manyItems - 1);
    const files = await unzipped(kept.subarray(0, size));
    expect(files.size).toBe(3 + 3 * manyItems);
    expect(parsed(files.get(`after/roleScopeTag/${safeName(last)}.json`))).toMatchObject({
      key: last,
      body: { description: `wanted ${textOf(manyItems - 1)}` },
    });
    // Packs, and the trees and manifests that say what lies where: each pack is read once for each folder.
    expect(packs()).toBeLessThanOrEqual(3 * Math.ceil(manyItems / 190) + 8);
    // What grows shows to the end; what a request under way holds does not.
    const late = held.slice(Math.floor(held.length / 2));
    expect(late.length).toBeGreaterThan(0);
    expect(Math.min(...late)).toBeLessThan(20);
  }, 60_000);

  it("reads nothing on while its reader takes nothing", async () => {
    const { zip, packs } = await largeSync();
    const reader = zip[Symbol.asyncIterator]();
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(packs()).toBeLessThanOrEqual(6);
    await reader.return?.();
  });
});
