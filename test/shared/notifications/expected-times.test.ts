/** What a dry run and a status say about time, held against whole runs over storage and the sandbox. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { NewNotification } from "../../../shared/notifications/contract.ts";
import { dryRun } from "../../../shared/notifications/dry-run.ts";
import { onlyCoManaged, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
  Object.assign(rig.services.engine.times, { readBackAfterMs: 10_000 });
});
afterAll(() => rig.stop());

type Run = {
  readonly devices: number;
  readonly fleet: object;
  readonly action: string;
  /** Requests in 20 seconds. */
  readonly sends: number;
  readonly reads: number;
};
const scan = { fleet: onlyIntuneWindows, action: "restart" };
const checkIn = { fleet: onlyCoManaged, action: "downloadComputerPolicy" };

it.each<Run>([
  { devices: 300, ...scan, sends: 150, reads: 1_500 },
  { devices: 1_800, ...scan, sends: 20, reads: 1_500 },
  { devices: 250, ...checkIn, sends: 600, reads: 300 },
  { devices: 60, ...checkIn, sends: 400, reads: 100 },
])(
  "of %o, the dry run and the status are within 20 %% of what happens",
  async (run) => {
    const { devices, fleet, action, sends, reads } = run;
    const tenantId = await rig.tenant({ ...fleet, devices });
    const pace = { deviceActions: sends, deviceReads: reads };
    const changed = await rig.services.tenants.change(tenantId, { pace }, undefined);
    expect(changed.ok).toBe(true);
    rig.services.knownTenants.invalidate(tenantId);
    const body = { action, target: { kind: "tenant" }, expiresAfter: "PT10M" };
    const would = await dryRun(rig.services.notify, tenantId, NewNotification.parse(body));
    if (!would.ok) throw new Error(would.failure.detail);
    const { sendingSeconds = 0, confirmingSeconds = 0 } = would.value;
    const began = Date.now();
    const notificationId = await rig.send(tenantId, body);
    const said: { phase: string | undefined; end: string | undefined }[] = [];
    for (let message = await rig.queues.take(); message; message = await rig.queues.take()) {
      await rig.handle(message);
      const { phase, progress, final } = await rig.view(tenantId, notificationId);
      if (!final) said.push({ phase, end: progress.expectedEnd });
    }
    const { finishedAt, counts } = await rig.view(tenantId, notificationId);
    expect(counts).toMatchObject({ done: devices });
    const took = Date.parse(finishedAt ?? "") - began;
    const before = (sendingSeconds + confirmingSeconds) * 1000;
    expect(Math.abs(before - took) / took, `${before} before, took ${took}`).toBeLessThan(0.2);
    expect(new Set(said.map(({ phase }) => phase))).toEqual(new Set(["sending", "confirming"]));
    for (const { phase, end = "" } of said) {
      const off = (Date.parse(end) - began - took) / took;
      expect(Math.abs(off), `${phase}: ${off}`).toBeLessThan(0.2);
    }
  },
  60_000,
);
