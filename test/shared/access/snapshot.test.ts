/** The snapshot of shared/access/roles/granted.ts. */
import { expect, test } from "vitest";
import type { Assignment } from "../../../shared/access/roles/decide.ts";
import { cachedSnapshots, snapshotMs } from "../../../shared/access/roles/granted.ts";
import { assign, everything } from "./standing.ts";
import { noon } from "./tables.ts";

/** Snapshots over a list that a test changes, a clock that it moves, and an outage that it makes. */
function start() {
  const world = { now: noon, stored: [] as Assignment[], down: false, reads: 0 };
  const all = async () => {
    world.reads += 1;
    if (world.down) throw new Error("no storage");
    return world.stored;
  };
  const snapshots = cachedSnapshots({
    roles: { all: async () => [] },
    assignments: { all },
    first: undefined,
    clock: { now: () => world.now },
  });
  return { world, snapshots, count: async () => (await snapshots.read()).assignments.length };
}

test("many decisions at once read once", async () => {
  const { world, count } = start();
  await Promise.all(Array.from({ length: 20 }, count));
  expect(world.reads).toBe(1);
});

test("a revocation that was made elsewhere takes hold in time", async () => {
  const { world, count } = start();
  world.stored = [assign("fullAdministrator", everything)];
  expect(await count()).toBe(1);
  world.stored = [];
  world.now += snapshotMs - 1;
  expect(await count()).toBe(1);
  world.now += 1;
  expect(await count()).toBe(0);
});

test("a clock that is set back keeps a revoked assignment no longer", async () => {
  const { world, count } = start();
  world.stored = [assign("fullAdministrator", everything)];
  expect(await count()).toBe(1);
  world.stored = [];
  world.now -= 3_600_000;
  expect(await count()).toBe(0);
});

test("one that was made here takes hold at once, also when a reading was under way", async () => {
  const { world, snapshots, count } = start();
  world.stored = [assign("fullAdministrator", everything)];
  const under = snapshots.read();
  world.stored = [];
  snapshots.invalidate();
  await under;
  expect(await count()).toBe(0);
});

test("an outage lets nobody in, and is over when it is over", async () => {
  const { world, count } = start();
  world.down = true;
  await expect(count()).rejects.toThrow("no storage");
  world.down = false;
  expect(await count()).toBe(0);
});
