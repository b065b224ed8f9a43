/** What a refused bulk action means for the next deliveries: only its own, and only for a while. */
import { expect, it } from "vitest";
import { BulkRefusals } from "../../../shared/devices/actions/asked-devices.ts";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import { bulkOutcomes } from "../../../shared/devices/actions/send.ts";
import { idOf, waiting } from "./support/arbitrary-delivery.ts";

const restart = findAction("restart")!;
const route = restart.routes.findIndex(({ bulkAction }) => bulkAction !== undefined);
const other = restart.routes.findIndex(({ bulkAction }) => bulkAction === undefined);
const deliveries = [waiting(1, { route }), waiting(2, { route: other })];

it("sends the tenant's devices singly, on routes with that bulk action, for a quarter of an hour", () => {
  let now = 0;
  const refusals = new BulkRefusals({ now: () => now });
  expect(refusals.applyTo(restart, "t", deliveries)).toBe(deliveries);
  const call = { route: restart.routes[route]!, form: "bulk", deviceIds: [idOf(1)] } as const;
  const forbidden = { kind: "singly", forbidden: true, why: "w" } as const;
  refusals.noteOutcomes("t", call, new Map([[idOf(1), forbidden]]));
  const singly = refusals.applyTo(restart, "t", deliveries).map((each) => each.singly ?? false);
  expect(singly).toEqual([true, false]);
  expect(refusals.applyTo(restart, "u", deliveries)).toEqual(deliveries);
  now = 15 * 60_000 - 1;
  expect(refusals.applyTo(restart, "t", deliveries)).not.toEqual(deliveries);
  now = 15 * 60_000;
  expect(refusals.applyTo(restart, "t", deliveries)).toEqual(deliveries);
});

it.each([
  ["forbidden", { kind: "singly", forbidden: true, why: "Graph refused the bulk request: c: m" }],
  ["notFound", { kind: "singly", why: "Graph refused the bulk request: c: m" }],
  ["other", { kind: "singly", why: "Graph refused the bulk request: c: m" }],
] as const)("a bulk answer of %s is about %o", (reason, outcome) => {
  const answer = { kind: "refused", reason, code: "c", message: "m" } as const;
  expect(bulkOutcomes(["a"], answer).get("a")).toEqual(outcome);
});
