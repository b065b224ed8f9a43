/** Corporate device identifiers: a file of them is recognised, imported where that is what was asked for, and read back. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeFile } from "../../../shared/registration/check-list.ts";
import { registerDevices } from "../../../shared/registration/register-devices.ts";
import { caller, type RegisterRig, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
beforeAll(async () => {
  rig = await startRegisterRig();
});
afterAll(() => rig.stop());

const reading = (text: string) => (take: (piece: Uint8Array) => void) => {
  take(Buffer.from(text));
  return Promise.resolve({ ok: true, value: undefined } as const);
};

async function handIn(tenantId: string, text: string, partial = false) {
  const registrationId = newestFirstId(Date.now());
  const ids = { tenantId, registrationId };
  const take = () => takeFile(reading(text), undefined, [], true);
  const wanted = { backEnd: "corporateIdentifiers", partial } as const;
  const sent = await registerDevices(rig.services.register, ids, take, wanted, caller);
  if (!sent.ok) throw new Error(JSON.stringify(sent.failure));
  await rig.drain();
  return rig.ended(tenantId, registrationId);
}

it("takes a file of them with a header and without, each once, and tells which were there", async () => {
  const tenantId = await rig.tenantOf({ lostAnswerRate: 0.3, seed: 5 });
  const first = await handIn(tenantId, "LENOVO,20XW,A1\r\nLENOVO,20XW,A2\r\n");
  expect(first.view).toMatchObject({ state: "finished", backEnd: "corporateIdentifiers" });
  const more =
    "Manufacturer,Model,Serial Number\r\nLENOVO,20XW,A2\r\nLENOVO,20XW,A3\r\n,20XW,A4\r\n";
  const { view, devices } = await handIn(tenantId, more, true);
  expect(view).toMatchObject({ counts: { total: 3, registered: 2, notSubmitted: 1 } });
  expect(devices.map(({ serialNumber, outcome, code }) => [serialNumber, outcome, code])).toEqual([
    ["A2", "alreadyRegistered", "already-registered"],
    ["A3", "registered", undefined],
    ["A4", "notSubmitted", "E_IDENTITY_INCOMPLETE"],
  ]);
  const path = "/deviceManagement/importedDeviceIdentities";
  const answer = await rig.services.graph.ask(tenantId, "beta", { method: "GET", path });
  expect(answer).toMatchObject({
    body: {
      value: ["A1", "A2", "A3"].map((serial) => ({
        importedDeviceIdentifier: `LENOVO,20XW,${serial}`,
      })),
    },
  });
});

it("believes no import that says yes and makes none", async () => {
  const tenantId = await rig.tenantOf({ importsNothing: true });
  const { view, devices } = await handIn(tenantId, "LENOVO,20XW,B1\r\n");
  expect(view.state).toBe("unknown");
  expect(devices).toMatchObject([{ outcome: "unknown", code: "no-trace" }]);
});

it("names the file for what it is where it is handed in as a device list", async () => {
  const taken = await takeFile(reading("LENOVO,20XW,B1\r\n"), undefined);
  expect(taken).toMatchObject({
    value: { verdict: { findings: [{ code: "E_FORMAT_CORPORATE_IDENTIFIER", row: null }] } },
  });
});
