/** What a large registration costs in requests, counted at the seam around every call that leaves the process. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeDevices } from "../../../shared/registration/check-list.ts";
import { openList, putPart, submitList } from "../../../shared/registration/list-in-parts.ts";
import { findRegistration, viewOf } from "../../../shared/registration/read-registrations.ts";
import { trust, typeCode } from "../../local/sandbox/sign-in/person.ts";
import { accessWith } from "../../support/access-settings.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { hashOf } from "./lists.ts";
import { caller } from "./register-rig.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig(undefined, undefined, (sandbox) => ({
    partnerCenterUrl: sandbox.partnerCenterUrl,
    partnerKind: "direct",
    claimMs: 300_000,
    access: {
      ...accessWith("a".repeat(32)),
      homeTenantIds: [sandbox.home.tenantId],
      sealing: { kind: "file", path: `${sandbox.caFile}.keys.json` },
    },
  }));
  trust(rig.sandbox);
  const { partnerAccount } = rig.services;
  const begun = await partnerAccount.signIn(undefined, caller.kind);
  if (!begun.ok) throw new Error(begun.failure.detail);
  const { signInId, userCode = "" } = begun.value;
  await typeCode(rig.sandbox, { user_code: userCode, user: "partner@muster.example" });
  let state = "pending";
  while (state === "pending") {
    const asked = await partnerAccount.signIn(signInId, caller.kind);
    state = asked.ok ? asked.value.state : "broken";
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  if (state !== "signedIn") throw new Error(`the partner is ${state}`);
});
afterAll(() => rig.stop());

/** Requests of a registration, from its submission to its end, per device. */
async function counted(
  backEnd: "graph" | "partnerCenter",
  count: number,
  device: (at: number) => object,
) {
  const tenantId = await rig.tenant({ devices: 60 });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, importMs: [20_000, 60_000] });
  const ids = { tenantId, registrationId: newestFirstId(Date.now()) };
  const parts = { ...rig.services.register, blobs: rig.services.storage.blobs };
  await openList(parts, ids);
  const perPart = backEnd === "graph" ? 500 : 5_000;
  const howMany = Math.ceil(count / perPart);
  for (let part = 1; part <= howMany; part += 1) {
    const devices = Array.from(
      { length: Math.min(perPart, count - (part - 1) * perPart) },
      (_, at) => device((part - 1) * perPart + at),
    );
    await putPart(parts, ids, part, takeDevices({ devices }));
  }
  rig.faults.reset();
  await rig.sandbox.control("DELETE", "/requests");
  const sent = await submitList(parts, ids, howMany, { backEnd, partial: false }, caller);
  expect(sent).toMatchObject({ ok: true });
  let messages = 0;
  await rig.drain(() => {
    messages += 1;
    return false;
  });
  const found = await findRegistration(rig.services.register, ids);
  if (!found.ok) throw new Error(found.failure.detail);
  const { state, counts } = await viewOf(rig.services.register, found.value);
  const calls = rig.faults.calls();
  const service = calls.filter((call) => /^(?:graph|partnerCenter)\./.test(call)).length;
  // Each message is received and deleted, too.
  const storage = calls.length - service + 2 * messages;
  return {
    state,
    registered: counts.registered,
    storage: storage / count,
    service: service / count,
  };
}

const byTuple = (at: number) => ({
  serialNumber: `P${at}`,
  manufacturer: "LENOVO",
  model: "20XW",
  groupTag: at % 2 ? "shop" : "lab",
});
const byHash = (at: number) => ({
  serialNumber: `G${at}`,
  hardwareHash: hashOf(`G${at}`),
  groupTag: "shop",
});
const atMost = (most: number) => expect.toSatisfy((cost: number) => cost <= most);

it("registers by tuples through Partner Center for 0.05 storage and 0.02 service requests a device", async () => {
  expect(await counted("partnerCenter", 10_000, byTuple)).toEqual({
    state: "finished",
    registered: 10_000,
    storage: atMost(0.05),
    service: atMost(0.02),
  });
}, 300_000);

it("registers by hashes through Graph for 0.1 requests a device, though each record is deleted", async () => {
  // A pass deletes what its time has room for: some 150 records, for ten requests to storage.
  expect(await counted("graph", 1_600, byHash)).toEqual({
    state: "finished",
    registered: 1_600,
    storage: atMost(0.3),
    service: atMost(0.1),
  });
}, 300_000);
