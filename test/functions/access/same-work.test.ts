/**
 * How long an answer takes must not tell what its text keeps back. Times themselves shake too much to be
 * compared; what makes them is the calls to storage, and those are counted here.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { HttpFunction } from "../../../functions/define.ts";
import type { Services } from "../../../functions/services.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { queries } from "../support/sync-bodies.ts";
import { bodiesAbout } from "./attack/bodies.ts";
import { aboutSyncs } from "./attack/document.ts";
import { type Ids, nowhere } from "./attack/inhabited.ts";
import { startTwoTenants, type TwoTenants } from "./attack/two-tenants.ts";
import { type Door, httpFunctions, openDoor } from "./door.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let two: TwoTenants;
/** A second instance of the app on the same storage, whose calls are counted. */
let watched: Door;
const calls: string[] = [];
beforeAll(async () => {
  two = await startTwoTenants();
  watched = await openDoor({
    connectionString: two.app.connectionString,
    // Nothing is taken up again meanwhile, which would cost calls whatever was asked for.
    claimMs: 3_600_000,
    tap: (operation, call) => {
      calls.push(operation);
      return call();
    },
  });
});
afterAll(async () => {
  await watched.stop();
  await two.app.stop();
});

/** Read now and then, whoever asks for whatever. */
const kept: readonly string[] = [tableNames.roles, tableNames.assignments, tableNames.tenants];
const isKept = (call: string): boolean => kept.some((table) => call.endsWith(` ${table}`));

/** What an operation can be asked about some ids. */
const asked = ({ operation: { name, params } }: HttpFunction<Services>, ids: Ids) => {
  const named = Object.keys(params?.shape ?? {});
  const own = Object.fromEntries(
    Object.entries({ ...aboutSyncs, ...ids }).filter(([id]) => named.includes(id)),
  );
  const query = queries[name] ?? "";
  return (bodiesAbout[name]?.(ids) ?? [undefined]).map((body) => ({ params: own, query, body }));
};

/** The calls that are made for some ids, by every operation that can be asked about these or those. */
async function workOn(ids: Ids, others: Ids, token: string) {
  const work: (readonly [string, readonly string[]])[] = [];
  for (const definition of httpFunctions) {
    const { name, path } = definition.operation;
    const requests = asked(definition, ids);
    const same = JSON.stringify(requests) === JSON.stringify(asked(definition, others));
    if (same || !path.includes("{tenantId}")) continue;
    for (const request of requests) {
      calls.length = 0;
      await watched.serve(definition, { token, ...request });
      work.push([name, calls.filter((call) => !isKept(call))]);
    }
  }
  return work;
}

test("another tenant costs the same calls as one that is not registered", async () => {
  const tenants = { kind: "tenants", tenantIds: [two.mine.tenantId] } as const;
  const { token } = await watched.holder("fullAdministrator", tenants);
  const never = nowhere();
  const real = await workOn(two.theirs.ids, never, token);
  expect(real).toEqual(await workOn(never, two.theirs.ids, token));
  expect(real.length).toBeGreaterThan(30);
  for (const [name, work] of real) expect([name, work.length]).not.toEqual([name, 0]);
});

test("ids out of reach cost the same calls as ids that exist nowhere", async () => {
  const { mine, theirs } = two;
  const collections = [{ tenantId: mine.tenantId, collectionId: mine.collections[0] }];
  const holders = [
    await watched.holder("fullAdministrator", { kind: "tenants", tenantIds: [mine.tenantId] }),
    await watched.holder("endpointProtectionManager", { kind: "collections", collections }),
  ];
  const { tenantId } = mine;
  const [real, never] = [
    { ...theirs.ids, tenantId },
    { ...nowhere(), tenantId },
  ];
  for (const { token } of holders)
    expect(await workOn(real, never, token)).toEqual(await workOn(never, real, token));
});

test("what lies outside of one's collections costs the same calls as what exists nowhere", async () => {
  const { mine } = two;
  const collections = [{ tenantId: mine.tenantId, collectionId: mine.collections[0] }];
  const { deviceId = "", collectionId = "", notificationId = "", approvalId = "" } = nowhere();
  const never = { ...mine.ids, deviceId, collectionId, notificationId, approvalId };
  for (const roleId of ["fullAdministrator", "endpointProtectionManager"]) {
    const { token } = await watched.holder(roleId, { kind: "collections", collections });
    const real = await workOn(mine.ids, never, token);
    expect(real).toEqual(await workOn(never, mine.ids, token));
    expect(real.length).toBeGreaterThan(10);
  }
});
