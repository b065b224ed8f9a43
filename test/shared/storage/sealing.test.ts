import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerClient } from "@azure/storage-blob";
import { array, assert, asyncProperty, nat, string, uint8Array } from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Blobs } from "../../../shared/storage/blobs.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import {
  type KeyWrapper,
  keptSecret,
  keyFileWrapper,
  keyVaultWrapper,
  rotateKeyFile,
  sealer,
} from "../../../shared/storage/sealing.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { startVault } from "./vault.ts";

const row = ["TokenCaches", "tenant-1", "ana"];
const now = Date.UTC(2026, 7, 10);

let folder: string;
let path: string;
let vault: Awaited<ReturnType<typeof startVault>>;
beforeAll(async () => {
  vault = await startVault();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-keys-"));
  path = join(folder, "keys.json");
  return () => rm(folder, { recursive: true });
});
afterAll(() => vault.stop());

const inVault = (clock = { now: () => now }): KeyWrapper =>
  keyVaultWrapper({
    keyUrl: vault.keyUrl,
    credential: { getToken: async () => ({ token: "t", expiresOnTimestamp: now * 2 }) },
    clock,
    clientOptions: vault.clientOptions,
  });

test("a kept secret is the same for all who ask at once, and does not open elsewhere", async () => {
  const container = new ContainerClient(storageConnectionString(), `sealing-${Date.now()}`);
  const blobs = new Blobs(container, passThrough);
  const [sealing, name] = [sealer(keyFileWrapper(path)), "paging-tokens"];
  const secrets = await Promise.all([1, 2, 3].map(() => keptSecret(blobs, sealing, name)));
  expect(new Set(secrets).size).toBe(1);
  expect(await keptSecret(blobs, sealing, name)).toBe(secrets[0]);
  const sealed = String(await blobs.get("installation/paging-tokens"));
  expect(sealed).not.toContain(secrets[0]);
  await blobs.put("installation/other", sealed);
  await expect(keptSecret(blobs, sealing, "other")).rejects.toThrow("tampered");
  await container.delete();
});

const kinds: readonly (readonly [string, () => KeyWrapper])[] = [
  ["a key file", () => keyFileWrapper(path)],
  ["Key Vault", () => inVault()],
];

describe.each(kinds)("sealed with %s", (_name, makeWrapper) => {
  test("what was sealed for a row opens there, and is not readable before", async () => {
    const { seal, open } = sealer(makeWrapper());
    const envelope = await seal("refresh token 4711", row);
    expect(envelope).not.toContain("4711");
    expect(Buffer.from(envelope, "base64url").toString("latin1")).not.toContain("4711");
    const opened = await open(envelope, row);
    expect(opened).toMatchObject({ kind: "opened", stale: false });
    expect(opened.kind === "opened" && opened.plain.toString()).toBe("refresh token 4711");
  });

  test("the same value is sealed differently each time", async () => {
    const { seal } = sealer(makeWrapper());
    expect(await seal("same", row)).not.toBe(await seal("same", row));
  });

  test.each([
    [["TokenCaches", "tenant-2", "ana"]],
    [["TokenCaches", "tenant-1", "an", "a"]],
    [["TokenCaches", "tenant-1ana"]],
    [[]],
  ])("an envelope that was moved to %j does not open", async (identity) => {
    const { seal, open } = sealer(makeWrapper());
    const envelope = await seal("secret", row);
    expect(await open(envelope, identity)).toEqual({ kind: "broken", reason: "tampered" });
  });

  test("no changed part goes unnoticed", async () => {
    const { seal, open } = sealer(makeWrapper());
    const parts = (await seal("secret", row)).split(".");
    for (const index of parts.keys()) {
      const changed = parts.with(index, flipped(String(parts[index]))).join(".");
      expect(await open(changed, row)).toMatchObject({ kind: "broken" });
    }
  });

  test("a wrapped key from another envelope does not fit", async () => {
    const { seal, open } = sealer(makeWrapper());
    const [one, other] = [await seal("one", row), await seal("other", row)].map((e) =>
      e.split("."),
    );
    const mixed = one?.with(2, String(other?.[2])).join(".") ?? "";
    expect(await open(mixed, row)).toEqual({ kind: "broken", reason: "tampered" });
  });

  test.each(["", "muster1", "muster1.a.b.c.d", "muster2.a.b.c.d", "a.b.c.d.e.f", "{}"])(
    "%j is no envelope",
    async (text) => {
      const { open } = sealer(makeWrapper());
      expect(await open(text, row)).toEqual({ kind: "broken", reason: "malformed" });
    },
  );
});

test("whatever the content and the row, it opens there and only there", async () => {
  const { seal, open } = sealer(keyFileWrapper(path));
  const identity = array(string(), { maxLength: 4 });
  await assert(
    asyncProperty(uint8Array(), identity, identity, nat(), async (content, own, other, at) => {
      const envelope = await seal(Buffer.from(content), own);
      const opened = await open(envelope, own);
      expect(opened).toEqual({ kind: "opened", plain: Buffer.from(content), stale: false });
      const same = JSON.stringify(own) === JSON.stringify(other);
      expect((await open(envelope, other)).kind).toBe(same ? "opened" : "broken");
      const place = at % envelope.length;
      const bent =
        envelope.slice(0, place) +
        flipped(envelope.slice(place, place + 1)) +
        envelope.slice(place + 1);
      // The last character of base64url carries bits that mean nothing.
      const equal = JSON.stringify(meant(bent)) === JSON.stringify(meant(envelope));
      expect(equal || (await open(bent, own)).kind === "broken").toBe(true);
    }),
    { numRuns: 40 },
  );
});

describe("a key file", () => {
  test("is made for its owner alone", async () => {
    await sealer(keyFileWrapper(path)).seal("x", row);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("that others may read is refused", async () => {
    await sealer(keyFileWrapper(path)).seal("x", row);
    await chmod(path, 0o644);
    await expect(sealer(keyFileWrapper(path)).seal("x", row)).rejects.toThrow(/chmod 600/);
  });

  test("rotates while the app runs: the old opens and is stale, the new is sealed with the new key", async () => {
    const { seal, open } = sealer(keyFileWrapper(path));
    const old = await seal("old", row);
    const keyId = await rotateKeyFile(path);
    expect(await open(old, row)).toMatchObject({ kind: "opened", stale: true });
    const fresh = await seal("fresh", row);
    expect(Buffer.from(String(fresh.split(".")[1]), "base64url").toString()).toBe(keyId);
    expect(await open(fresh, row)).toMatchObject({ kind: "opened", stale: false });
    // Another process that has never seen the old key alone.
    expect(await sealer(keyFileWrapper(path)).open(old, row)).toMatchObject({ kind: "opened" });
  });

  test("without the key that wrapped says so", async () => {
    const { seal, open } = sealer(keyFileWrapper(path));
    const old = await seal("old", row);
    const current = await rotateKeyFile(path);
    const { keys } = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ current, keys: { [current]: keys[current] } }));
    expect(await open(old, row)).toEqual({ kind: "broken", reason: "unknown-key" });
  });

  test("is made once when several processes start together", async () => {
    const sealers = Array.from({ length: 8 }, () => sealer(keyFileWrapper(path)));
    const envelopes = await Promise.all(sealers.map(({ seal }) => seal("x", row)));
    for (const envelope of envelopes)
      expect(await sealers[0]?.open(envelope, row)).toMatchObject({ kind: "opened", stale: false });
  });
});

describe("Key Vault", () => {
  test("rotates while the app runs", async () => {
    let time = now;
    const { seal, open } = sealer(inVault({ now: () => time }));
    const old = await seal("old", row);
    vault.rotate();
    time += 11 * 60_000;
    expect(await open(old, row)).toMatchObject({ kind: "opened", stale: true });
    expect(await open(await seal("new", row), row)).toMatchObject({ kind: "opened", stale: false });
  });

  test.each([
    ["another vault", () => "https://evil.example/keys/muster/1"],
    ["another key of the vault", () => vault.keyUrl.replace(/muster$/, "other") + "/1"],
    ["a path around", () => `${vault.keyUrl}/../other/1`],
    ["no version", () => `${vault.keyUrl}/`],
  ])("an envelope that names %s makes no call", async (_name, keyId) => {
    const { seal, open } = sealer(inVault());
    const parts = (await seal("x", row)).split(".");
    const before = vault.calls();
    const pointed = parts.with(1, Buffer.from(keyId()).toString("base64url")).join(".");
    expect(await open(pointed, row)).toEqual({ kind: "broken", reason: "unknown-key" });
    expect(vault.calls()).toBe(before);
  });

  test("whose key version was removed says so", async () => {
    const { seal, open } = sealer(inVault());
    const parts = (await seal("x", row)).split(".");
    const gone = parts.with(1, Buffer.from(`${vault.keyUrl}/999`).toString("base64url")).join(".");
    expect(await open(gone, row)).toEqual({ kind: "broken", reason: "unknown-key" });
  });
});

/** The same text with its first character changed. */
const flipped = (text: string): string => (text.startsWith("A") ? "B" : "A") + text.slice(1);

/** What an envelope's parts decode to. */
const meant = (text: string) =>
  text.split(".").map((part) => Buffer.from(part, "base64url").toString("hex"));
