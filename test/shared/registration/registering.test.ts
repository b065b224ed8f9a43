/**
 * A registration from the list that is handed in to the last device, through Graph in the customer's tenant: services, storage
 * and the sandbox are real, and the queues are the test's.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import {
  changeRegistration,
  refreshRegistration,
  retryRegistration,
} from "../../../shared/registration/register-devices.ts";
import { passTime } from "../../support/passing-time.ts";
import { caller, type RegisterRig, rowOf, rows, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
beforeAll(async () => {
  rig = await startRegisterRig();
});
afterAll(() => rig.stop());

const fault = (code: number, name: string, times?: number) => ({
  code,
  name,
  ...(times === undefined ? {} : { times }),
});

describe("a registration through Graph", () => {
  it("registers every device once, with its group tag, and leaves no import record behind", async () => {
    const tenantId = await rig.tenantOf({ droppedTagRate: 0.1 });
    const list = rows(250, "A", "shop");
    const { registrationId } = await rig.register(tenantId, list.map(rowOf));
    await rig.drain();
    const { view, devices } = await rig.ended(tenantId, registrationId);
    expect(view).toMatchObject({ state: "finished", counts: { total: 250, registered: 250 } });
    expect(new Set(devices.map(({ outcome }) => outcome))).toEqual(new Set(["registered"]));
    expect(devices.map(({ serialNumber }) => serialNumber)).toEqual(
      list.map(({ serial }) => serial),
    );
    expect(await rig.submissions(tenantId)).toEqual({ total: 250, distinct: 250, doubled: 0 });
    expect(await rig.records(tenantId)).toBe(0);
  });

  it("tells what the service says of a device, and keeps what it has no word for", async () => {
    const [tenantId, other] = [await rig.tenantOf(), await rig.tenantOf()];
    const before = await rig.register(tenantId, rows(2, "B", "shop").map(rowOf));
    const elsewhere = await rig.register(other, [rowOf({ serial: "B0002" })]);
    await rig.drain();
    expect([before.registrationId, elsewhere.registrationId]).not.toContain("");
    await rig.sandbox.control("PUT", "/behaviour", {
      tenantId,
      importFaults: {
        B0003: fault(640, "StorageError", 1),
        B0004: fault(806, "ZtdDeviceAssignedToAnotherTenant"),
        B0005: fault(812, "ZTDDEVICENOTFOUND"),
        B0006: fault(1234, "Nothing is known of B0006"),
        B0007: fault(640, "StorageError"),
      },
    });
    const list = [
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((at) => rowOf({ serial: `B000${at}`, tag: "shop" })),
      // The tag is another one than it has.
      rowOf({ serial: "B0001", tag: "floor" }),
      "B0009,,T0E,,",
    ];
    list.splice(1, 1);
    expect(await rig.register(tenantId, list)).toMatchObject({
      refused: { code: "device-list-refused" },
    });
    const { registrationId } = await rig.register(tenantId, list, true);
    await rig.drain();
    const { view, devices } = await rig.ended(tenantId, registrationId);
    expect(view).toMatchObject({
      state: "partlyFinished",
      counts: { total: 9, registered: 3, failed: 5, notSubmitted: 1 },
    });
    expect(
      devices.map(({ serialNumber, outcome, code, serviceCode, serviceError }) => [
        serialNumber,
        outcome,
        code,
        serviceCode,
        serviceError,
      ]),
    ).toEqual([
      ["B0000", "alreadyRegistered", "already-registered", 806, "ZtdDeviceAlreadyAssigned"],
      [
        "B0002",
        "assignedToOtherTenant",
        "assigned-to-other-tenant",
        808,
        "ZtdDeviceAssignedToOtherTenant",
      ],
      ["B0003", "registered", undefined, undefined, undefined],
      [
        "B0004",
        "assignedToOtherTenant",
        "assigned-to-other-tenant",
        806,
        "ZtdDeviceAssignedToAnotherTenant",
      ],
      ["B0005", "notFound", "not-found", 812, "ZTDDEVICENOTFOUND"],
      // What it repeats of the device is left out: it stands in rows that are not sealed.
      ["B0006", "failed", "service-error", 1234, "Nothing_is_known_of_"],
      ["B0007", "failed", "service-busy", 640, "StorageError"],
      ["B0001", "alreadyRegistered", "other-tag", 806, "ZtdDeviceAlreadyAssigned"],
      ["B0009", "notSubmitted", "E_HASH_PADDING", undefined, undefined],
    ]);
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, importFaults: null });
    const retryId = newestFirstId(Date.now());
    const retry = await retryRegistration(
      rig.services.register,
      { tenantId, registrationId },
      retryId,
      caller,
    );
    expect(retry).toMatchObject({ ok: true, value: { retryOf: registrationId } });
    // It is not in need of what it repeats, which may be forgotten first.
    await rig.services.register.jobs.removeTargets(registrationId);
    await rig.drain();
    const again = await rig.ended(tenantId, retryId);
    expect(again.devices.map(({ serialNumber, outcome }) => [serialNumber, outcome])).toEqual([
      ["B0002", "assignedToOtherTenant"],
      ["B0004", "registered"],
      ["B0005", "registered"],
      ["B0006", "registered"],
      ["B0007", "registered"],
    ]);
  });

  it("takes a fault without a name for one, by its number where that is known", async () => {
    const tenantId = await rig.tenantOf();
    await rig.sandbox.control("PUT", "/behaviour", {
      tenantId,
      importFaults: {
        N0001: fault(808, ""),
        N0002: fault(640, "", 1),
        N0003: fault(4711, ""),
        N0004: fault(812, "No such device was found."),
      },
    });
    const { registrationId } = await rig.register(tenantId, rows(5, "N").map(rowOf));
    await rig.drain();
    const { devices } = await rig.ended(tenantId, registrationId);
    expect(
      devices.map(({ serialNumber, outcome, code, serviceCode }) => [
        serialNumber,
        outcome,
        code,
        serviceCode,
      ]),
    ).toEqual([
      ["N0000", "registered", undefined, undefined],
      ["N0001", "assignedToOtherTenant", "assigned-to-other-tenant", 808],
      ["N0002", "registered", undefined, undefined],
      ["N0003", "failed", "service-error", 4711],
      ["N0004", "notFound", "not-found", 812],
    ]);
  });

  it("calls a device unknown that the service is not done with in time, and finds it later", async () => {
    const tenantId = await rig.tenantOf({ importMs: 2 * 3600 * 1000 });
    const { registrationId } = await rig.register(tenantId, rows(3, "C", "shop").map(rowOf));
    await rig.drain();
    const lost = await rig.ended(tenantId, registrationId);
    expect(lost.view).toMatchObject({ state: "unknown", counts: { unknown: 3 } });
    expect(lost.devices.map(({ outcome }) => outcome)).toEqual(Array(3).fill("unknown"));
    passTime(3 * 3600 * 1000);
    const ids = { tenantId, registrationId };
    expect(await refreshRegistration(rig.services.register, ids)).toMatchObject({ ok: true });
    const found = await rig.ended(tenantId, registrationId);
    expect(found.view).toMatchObject({ state: "finished", counts: { registered: 3 } });
    expect(await rig.submissions(tenantId)).toMatchObject({ total: 3, doubled: 0 });
  });

  it("asks Intune to sync where a device is not listed yet, and not more often than it may", async () => {
    const tenantId = await rig.tenantOf({ identityLagMs: 3600 * 1000 });
    await rig.sandbox.control("DELETE", "/requests");
    const { registrationId } = await rig.register(tenantId, rows(3, "D").map(rowOf));
    await rig.drain();
    expect((await rig.ended(tenantId, registrationId)).view).toMatchObject({ state: "finished" });
    const { body } = await rig.sandbox.control("GET", "/requests");
    const syncs = JSON.stringify(body).match(/POST windowsAutopilotSettings\/sync[^}]*}?/g);
    expect(syncs).toHaveLength(1);
  });

  it("sends nothing while it is paused, and all of it once it is resumed", async () => {
    const tenantId = await rig.tenantOf();
    const { registrationId } = await rig.register(tenantId, rows(3, "P").map(rowOf));
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
    const ids = { tenantId, registrationId };
    await changeRegistration(rig.services.register, ids, "pause");
    await rig.drain();
    expect((await rig.ended(tenantId, registrationId)).view).toMatchObject({ state: "paused" });
    expect(await rig.submissions(tenantId)).toMatchObject({ total: 0 });
    await changeRegistration(rig.services.register, ids, "resume");
    await rig.drain();
    expect((await rig.ended(tenantId, registrationId)).view).toMatchObject({ state: "finished" });
    expect(await rig.submissions(tenantId)).toMatchObject({ total: 3, doubled: 0 });
  });

  it("ends what was not sent when it is cancelled, and follows what was", async () => {
    const tenantId = await rig.tenantOf();
    const { registrationId } = await rig.register(tenantId, rows(3, "E").map(rowOf));
    await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-read-back");
    const later = await rig.register(tenantId, rows(3, "F").map(rowOf));
    for (const id of [registrationId, later.registrationId])
      expect(
        await changeRegistration(rig.services.register, { tenantId, registrationId: id }, "cancel"),
      ).toMatchObject({ ok: true });
    await rig.drain();
    expect((await rig.ended(tenantId, registrationId)).view).toMatchObject({
      counts: { registered: 3 },
    });
    expect((await rig.ended(tenantId, later.registrationId)).view).toMatchObject({
      state: "cancelled",
    });
    expect(await rig.submissions(tenantId)).toMatchObject({ total: 3 });
  });
});
