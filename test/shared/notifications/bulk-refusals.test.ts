/** What a refused bulk action means for the next deliveries: only its own, and only for a while. */
import { expect, it } from "vitest";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import { bulkOutcomes } from "../../../shared/devices/actions/send.ts";
import { BulkRefusals } from "../../../shared/notifications/passes/pass-services.ts";
import { waiting } from "./support/arbitrary-delivery.ts";

const restart = findAction("restart")!;
const route = restart.routes.findIndex(({ bulkAction }) => bulkAction !== undefined);
const other = restart.routes.findIndex(({ bulkAction }) => bulkAction === undefined);
const deliveries = [waiting(1, { route }), waiting(2, { route: other })];

it("sends the tenant's devices alone, on routes with that bulk action, for a quarter of an hour", () => {
  let now = 0;
  const refusals = new BulkRefusals({ now: () => now });
  expect(refusals.applyTo(restart, "t", deliveries)).toBe(deliveries);
  refusals.note("t", restart.routes[route]?.bulkAction ?? "");
  const alone = refusals.applyTo(restart, "t", deliveries).map((each) => each.alone ?? false);
  expect(alone).toEqual([true, false]);
  expect(refusals.applyTo(restart, "u", deliveries)).toEqual(deliveries);
  now = 15 * 60_000;
  expect(refusals.applyTo(restart, "t", deliveries)).toEqual(deliveries);
});

it.each([
  ["forbidden", { kind: "alone", forbidden: true, why: "Graph refused the bulk request: c: m" }],
  ["notFound", { kind: "alone", why: "Graph refused the bulk request: c: m" }],
  ["other", { kind: "alone", why: "Graph refused the bulk request: c: m" }],
] as const)("a bulk answer of %s is about %o", (reason, outcome) => {
  const answer = { kind: "refused", reason, code: "c", message: "m" } as const;
  expect(bulkOutcomes(["a"], answer).get("a")).toEqual(outcome);
});
