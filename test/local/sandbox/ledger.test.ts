/** Counting effects: nothing is lost, and what is doubled shows. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { actionKinds } from "../../../local/sandbox/fleet/actions.ts";
import { guidFamily } from "../../../local/sandbox/fleet/guids.ts";
import { ledger } from "../../../local/sandbox/ledger.ts";

const tenants = [1, 2].map((number) => ({
  number,
  id: `aaaaaaaa-0000-4000-8000-00000000000${number}`,
  deviceIds: guidFamily(number),
}));
const names = ["syncDevice", "rebootNow"];

it("counts totals, distinct pairs and doubled ones as a plain count of rows does", () => {
  const effect = fc.record({ tenant: fc.nat(1), index: fc.nat(20), name: fc.nat(1) });
  fc.assert(
    fc.property(fc.array(effect, { maxLength: 200 }), (effects) => {
      const kinds = actionKinds();
      const book = ledger(kinds);
      const request = book.open({ requestId: "r", clientRequestId: null, bulk: false });
      for (const { tenant, index, name } of effects) {
        const by = tenants[tenant];
        if (by !== undefined) book.record(by, index, kinds.of(names[name] ?? ""), request, 0);
      }
      const distinct = new Set(effects.map((each) => JSON.stringify(each))).size;
      const total = effects.length;
      expect(book.summary({})).toMatchObject({ total, distinct, doubled: total - distinct });
      const ofOne = effects.filter(({ tenant, name }) => tenant === 0 && name === 0).length;
      const filter = { tenantId: tenants[0]?.id, action: "syncDevice" };
      expect(book.summary(filter).total).toBe(ofOne);
    }),
  );
});

it("two scripts on one device are not a doubled effect, one script twice is", () => {
  const kinds = actionKinds();
  const book = ledger(kinds);
  const request = book.open({ requestId: "r", clientRequestId: null, bulk: false });
  const [tenant] = tenants;
  if (tenant === undefined) throw new Error("no tenant");
  const run = (script: string): void =>
    book.record(tenant, 1, kinds.of("initiateOnDemandProactiveRemediation", script), request, 0);
  run("one");
  run("two");
  expect(book.summary({}).doubled).toBe(0);
  run("two");
  expect(book.summary({}).doubled).toBe(1);
});

it("a row names its tenant, device, action and request", () => {
  const kinds = actionKinds();
  const book = ledger(kinds);
  const [tenant] = tenants;
  if (tenant === undefined) throw new Error("no tenant");
  const request = book.open({ requestId: "r", clientRequestId: "c", bulk: true });
  book.record(tenant, 7, kinds.of("syncDevice"), request, 1_000);
  expect(book.row(0, {})).toEqual({
    tenantId: tenant.id,
    deviceId: tenant.deviceIds.at(7),
    action: "syncDevice",
    detail: null,
    time: 1_000,
    requestId: "r",
    clientRequestId: "c",
    bulk: true,
  });
  expect(book.row(0, { since: 1_001 })).toBeUndefined();
  expect(book.row(0, { action: "rebootNow" })).toBeUndefined();
  expect(book.row(0, { tenantId: tenant.id.toUpperCase() })).toBeDefined();
});

it("is empty after it was cleared, and counts anew", () => {
  const kinds = actionKinds();
  const book = ledger(kinds);
  const [tenant] = tenants;
  if (tenant === undefined) throw new Error("no tenant");
  const record = (): void => {
    const request = book.open({ requestId: "r", clientRequestId: null, bulk: false });
    for (let index = 0; index < 3_000; index += 1) {
      book.record(tenant, index, kinds.of("syncDevice"), request, 0);
    }
  };
  record();
  book.clear();
  expect(book.summary({})).toEqual({ total: 0, distinct: 0, doubled: 0, byAction: {} });
  record();
  expect(book.summary({})).toMatchObject({ total: 3_000, distinct: 3_000, doubled: 0 });
  expect(book.row(2_999, {})?.deviceId).toBe(tenant.deviceIds.at(2_999));
});
