/** Ids of other tenants and collections, tried at every operation: they answer like ids that exist nowhere. */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import type { Answer } from "./attack/app.ts";
import type { Described } from "./attack/document.ts";
import { type Ids, nowhere } from "./attack/inhabited.ts";
import { said } from "./attack/said.ts";
import {
  type Name,
  requestsAbout,
  startTwoTenants,
  storedOf,
  type TwoTenants,
  withTenant,
} from "./attack/two-tenants.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let two: TwoTenants;
beforeAll(async () => {
  two = await startTwoTenants();
});
afterAll(() => two.app.stop());

/** What is said to somebody who asks for these ids, and for ids that exist nowhere. */
async function compare(operation: Described, ids: Ids, never: Ids, name: Name) {
  const token = two.token(name);
  const others = requestsAbout(operation, never);
  const answers: { real: Answer; made: Answer }[] = [];
  for (const [at, each] of requestsAbout(operation, ids).entries())
    answers.push({
      real: await two.app.call({ ...each, token }),
      made: await two.app.call({ ...each, ...others[at], token }),
    });
  return {
    statuses: answers.map(({ real }) => real.status),
    real: { id: operation.id, said: answers.map(({ real }) => said(real, ids)) },
    made: { id: operation.id, said: answers.map(({ made }) => said(made, never)) },
  };
}

const isGuess = (operation: Described, ids: Ids, never: Ids): boolean =>
  JSON.stringify(requestsAbout(operation, ids)) !== JSON.stringify(requestsAbout(operation, never));

test("another tenant's ids, asked for under one's own, answer like ids that exist nowhere", async () => {
  const { app, mine, theirs } = two;
  const before = await storedOf(app, theirs, mine);
  expect(before.length).toBeGreaterThan(20);
  const ids = { ...theirs.ids, tenantId: mine.tenantId };
  const never = { ...nowhere(), tenantId: mine.tenantId };
  const guesses = withTenant(app).filter((each) => isGuess(each, ids, never));
  expect(guesses.length).toBeGreaterThan(15);
  for (const operation of guesses) {
    const { real, made, statuses } = await compare(operation, ids, never, "administrator");
    expect(real).toEqual(made);
    // Nobody answers for Graph here, which is said as 503.
    expect(
      statuses.filter((status) => status >= 500 && status !== 503),
      operation.id,
    ).toEqual([]);
  }
  expect(await storedOf(app, theirs, mine)).toEqual(before);
});

describe("another tenant", () => {
  const names = ["administrator", "limited", "scanner", "partner", "nobody"] as const;
  test.each(names)(
    "looks to the %s like one that is not registered, and nothing is written",
    async (name) => {
      const { app, mine, theirs } = two;
      const before = await app.stored();
      // Who may most tries everything; of the others each tries other operations.
      const nth = names.indexOf(name);
      const tried = withTenant(app).filter(
        (_, at) => nth === 0 || (at + nth) % inject("oneWalkIn") === 0,
      );
      for (const operation of tried)
        for (const ids of [theirs.ids, { ...mine.ids, tenantId: theirs.tenantId }]) {
          const { real, made, statuses } = await compare(operation, ids, nowhere(), name);
          expect(real).toEqual(made);
          for (const status of statuses) expect(status, operation.id).toBe(403);
        }
      expect(await app.stored()).toEqual(before);
    },
  );

  test("is explained like one that is not registered", async () => {
    const { app, theirs } = two;
    const tenantId = nowhere()["tenantId"] ?? "";
    const asks = app.operations.filter(({ queryParameters }) =>
      queryParameters.includes("tenantId"),
    );
    expect(asks.map(({ id }) => id).toSorted()).toEqual(["access-explain", "me-get"]);
    for (const { id: operation } of app.operations) {
      const query = (of: string) => `?operation=${operation}&tenantId=${of}&action=restart`;
      const explain = (of: string) =>
        app.call({ path: `/api/v1/access/explain${query(of)}`, token: two.token("administrator") });
      const [real, made] = [await explain(theirs.tenantId), await explain(tenantId)];
      expect(said(real, theirs.ids)).toEqual(said(made, { tenantId }));
      expect(real.status).toBe(200);
    }
  });
});

describe("ids outside of one's collections", () => {
  test.each(["limited", "scanner"] as const)(
    "answer the %s like ids that exist nowhere",
    async (name) => {
      const { app, mine } = two;
      const { collectionId = "", deviceId = "", notificationId = "", approvalId = "" } = nowhere();
      // What is no part of a collection is the same for everybody.
      const never = { ...mine.ids, collectionId, deviceId, notificationId, approvalId };
      const guesses = withTenant(app).filter((each) => isGuess(each, mine.ids, never));
      expect(guesses.length).toBeGreaterThan(10);
      for (const operation of guesses) {
        const { real, made, statuses } = await compare(operation, mine.ids, never, name);
        expect(real).toEqual(made);
        for (const status of statuses) expect([403, 404], operation.id).toContain(status);
      }
      const [inside = "", outside = ""] = [mine.devices[0], mine.ids["deviceId"]];
      const see = async (id: string) => {
        const path = `/api/v1/tenants/${mine.tenantId}/devices/${id}`;
        return (await app.call({ path, token: two.token(name) })).status;
      };
      expect([await see(inside), await see(outside)]).toEqual([200, 404]);
    },
  );
});
