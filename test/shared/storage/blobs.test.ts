import { randomUUID } from "node:crypto";
import { ContainerClient } from "@azure/storage-blob";
import { expect, test } from "vitest";
import { Blobs } from "../../../shared/storage/blobs.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import { storageConnectionString } from "../../support/azurite.ts";

/** Blobs in a container that does not exist yet. */
const newBlobs = (): Blobs =>
  new Blobs(new ContainerClient(storageConnectionString(), `c-${randomUUID()}`), passThrough);

test("what was put is there, whole or in part, until it is removed", async () => {
  const blobs = newBlobs();
  await blobs.put("a/b.txt", "früh und spät");
  expect((await blobs.get("a/b.txt"))?.toString()).toBe("früh und spät");
  expect((await blobs.get("a/b.txt", 6, 3))?.toString()).toBe("und");
  expect((await blobs.get("a/b.txt", 6))?.toString()).toBe("und spät");
  expect(await blobs.get("a/b.txt", 6, 0)).toEqual(Buffer.alloc(0));
  await blobs.put("a/b.txt", Buffer.from([0, 255]));
  expect(await blobs.get("a/b.txt")).toEqual(Buffer.from([0, 255]));
  await blobs.remove("a/b.txt");
  expect(await blobs.get("a/b.txt")).toBeUndefined();
  await blobs.remove("a/b.txt");
});

test("nothing is an empty blob, not an absent one", async () => {
  const blobs = newBlobs();
  await blobs.put("empty", "");
  expect(await blobs.get("empty")).toEqual(Buffer.alloc(0));
});

test("without a container nothing is there, and nothing is to be removed", async () => {
  const blobs = newBlobs();
  expect(await blobs.get("a")).toBeUndefined();
  expect(await blobs.get("a", 0, 5)).toBeUndefined();
  await blobs.remove("a");
});

test("many who miss the container at once all get their blobs in", async () => {
  const blobs = newBlobs();
  const names = Array.from({ length: 8 }, (_, at) => `b${at}`);
  await Promise.all(names.map((name) => blobs.put(name, name)));
  for (const name of names) expect((await blobs.get(name))?.toString()).toBe(name);
});
