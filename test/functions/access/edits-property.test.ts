/**
 * Over HTTP, on real storage: whatever is done to roles, assignments and scopes, and by whomever, a caller
 * reads and changes nothing that `explain` says is denied, and nobody comes to more than was held before.
 */
import { array, assert, asyncProperty, nat, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requirements } from "../../../shared/access/roles/requirements.ts";
import { permissionNames } from "../../../shared/access/roles/roles.ts";
import { type AttackApp, startAttackApp } from "./attack/app.ts";
import { anyBeginning, anyEdit, apply, newWorld, type World } from "./attack/edits.ts";
import { demandApprovals, type Ids, type Inhabited, inhabit } from "./attack/inhabited.ts";
import {
  type Explained,
  explain,
  isShut,
  type Probe,
  probesOf,
  requestOf,
} from "./attack/probes.ts";
import { adminToken } from "./door.ts";

let app: AttackApp;
let places: readonly Inhabited[];
let probes: readonly Probe[];
let more: Ids;
beforeAll(async () => {
  app = await startAttackApp();
  await demandApprovals(app);
  places = [await inhabit(app, 0, "AAA"), await inhabit(app, 100, "BBB")];
  probes = probesOf(app, places);
  await app.holder("partner", { kind: "everything" });
  const { body } = await app.admin("GET", "/api/v1/access/assignments?top=1");
  const [one] = body["value"] as { assignmentId: string }[];
  more = { roleId: "partner", assignmentId: one?.assignmentId ?? "" };
});
afterAll(() => app.stop());

/** Tries everything that is denied, for real, and then what is allowed, without harm. */
async function expectAsExplained({ tokens, aboutAna }: World, some: readonly Probe[]) {
  const told: (readonly [Probe, Explained])[] = [];
  for (const probe of some) {
    const answer = await explain(app, probe, tokens.ana);
    expect((await explain(app, probe, adminToken, aboutAna)).allowed).toBe(answer.allowed);
    told.push([probe, answer]);
  }
  const before = await app.stored();
  for (const [probe] of told.filter(([, { allowed }]) => !allowed)) {
    const answer = await app.call({ ...requestOf(app, probe, more, false), token: tokens.ana });
    // A notification that they do not see looks as if there were none; and the task that is replaced is none.
    const hidden = ["notifications-retry", "notifications-resume", "tasks-replace"];
    const isHidden = hidden.includes(probe.id);
    const shut = isHidden ? [403, 404] : [403];
    expect(shut, `${probe.id}: ${answer.text}`).toContain(answer.status);
  }
  expect(await app.stored()).toEqual(before);
  for (const [probe, { limitedToCollections }] of told.filter(([, { allowed }]) => allowed)) {
    const answer = await app.call({ ...requestOf(app, probe, more, true), token: tokens.ana });
    expect(isShut(answer), `${probe.id}: ${answer.text}`).toBe(false);
    if (limitedToCollections === undefined || answer.status >= 300) continue;
    const { devices, collections } = probe.where;
    const reached = collections.flatMap((id, at) =>
      limitedToCollections.includes(id) ? devices.slice(2 * at, 2 * at + 2) : [],
    );
    const shown = devices.filter((id) => !reached.includes(id) && answer.text.includes(id));
    expect(shown, probe.id).toEqual([]);
  }
}

test("no sequence of edits lets a caller read or change what explain says is denied", async () => {
  const step = record({ edit: anyEdit("admin", "admin", "bo", "ana"), at: nat() });
  await assert(
    asyncProperty(
      anyBeginning,
      array(step, { minLength: 1, maxLength: 6 }),
      async (first, steps) => {
        const world = await newWorld(app, places);
        for (const edit of first) await apply(world, edit);
        for (const { edit, at } of steps) {
          await apply(world, edit);
          const some = Array.from({ length: 16 }, (_, n) => probes[(at + n * 7) % probes.length]);
          await expectAsExplained(
            world,
            some.filter((probe) => probe !== undefined),
          );
        }
      },
    ),
    { numRuns: 8, endOnFailure: true },
  );
}, 300_000);

/** An operation in the first tenant for each permission that some operation takes alone. */
const onePerPermission = (): readonly Probe[] =>
  permissionNames.flatMap((permission) => {
    const probe = probes.find(({ id, where }) => {
      const needed = requirements[id];
      // Of what takes two permissions, two people may hold one each.
      return (
        where === places[0] &&
        needed?.kind === "permission" &&
        needed.permission === permission &&
        needed.everywhere === undefined &&
        needed.more?.work === undefined
      );
    });
    return probe === undefined ? [] : [probe];
  });

/** What somebody reaches, as points: a permission in a collection, or in the rest of a tenant. */
async function pointsOf(token: string): Promise<string[]> {
  const points: string[] = [];
  for (const probe of onePerPermission()) {
    const { allowed, limitedToCollections, asked } = await explain(app, probe, token);
    if (!allowed) continue;
    const parts = probe.collectionId ? [probe.collectionId] : [...probe.where.collections, "rest"];
    for (const part of parts)
      if (limitedToCollections?.includes(part) ?? true)
        points.push(`${asked[0]?.permission} ${part}`);
  }
  return points;
}

test("no sequence of edits by people who hold little gives anybody more than they hold together", async () => {
  expect(onePerPermission().length).toBeGreaterThan(15);
  const steps = array(anyEdit("bo", "bo", "ana"), { minLength: 1, maxLength: 4 });
  await assert(
    asyncProperty(anyBeginning, steps, async (first, edits) => {
      const world = await newWorld(app, places);
      for (const edit of first) await apply(world, edit);
      const { ana, bo } = world.tokens;
      const before = new Set([...(await pointsOf(ana)), ...(await pointsOf(bo))]);
      for (const edit of edits) await apply(world, edit);
      const after = [...(await pointsOf(ana)), ...(await pointsOf(bo))];
      expect(after.filter((point) => !before.has(point))).toEqual([]);
    }),
    { numRuns: 20, endOnFailure: true },
  );
}, 300_000);
