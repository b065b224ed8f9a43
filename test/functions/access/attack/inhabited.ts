/** A tenant with one of everything that has an id, and enough of it that every list has a second page. */
import { randomUUID } from "node:crypto";
import { closeFunction } from "../../../../functions/fanout/close.queue.ts";
import { planFunction } from "../../../../functions/fanout/plan.queue.ts";
import { changeRows } from "../../../../shared/fanout/engine/change-rows.ts";
import type { JobKind } from "../../../../shared/fanout/kind.ts";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import { notificationShape } from "../../../../shared/notifications/kind.ts";
import { runShape } from "../../../../shared/provisioning/run.ts";
import { idOf } from "../../../shared/devices/support/refresh-rig.ts";
import { hashOf } from "../../../shared/registration/lists.ts";
import { template } from "../../support/sync-bodies.ts";
import type { AttackApp } from "./app.ts";

/** Ids by the names that the document's paths have for them. */
export type Ids = Readonly<Record<string, string>>;

/** A tenant, and what is in it. Whatever is inside the collection `collectionId` is not outside of it. */
export type Inhabited = {
  readonly tenantId: string;
  /** For the document's parameters. */
  readonly ids: Ids;
  readonly devices: readonly string[];
  /** A collection of the first two devices, and one of the third and fourth. */
  readonly collections: readonly [string, string];
  /** To the whole tenant, and to the first collection. */
  readonly notifications: readonly [string, string];
  readonly approvals: readonly string[];
  /** What a verdict on the first and on the second approval must name. */
  readonly digests: readonly string[];
  /** A notification that no device supports: there is something to repeat. */
  readonly unsupported: string;
  /** A registration that goes on, and one whose device has failed. */
  readonly registrations: readonly [string, string];
  readonly templateId: string;
  /** A run that goes on, and one that was cancelled, so that each of its devices has a history. */
  readonly runs: readonly [string, string];
};

const fleetSize = 6;
const pivot = { action: "startCMPivot", parameters: { query: "Device" } };

/** CMPivot waits for a second person everywhere. */
export const demandApprovals = (app: AttackApp) =>
  app.admin("PUT", "/api/v1/access/approval-rules", {
    rules: [{ kind: "notification", actions: ["startCMPivot"], tenantIds: "all", moreThan: 0 }],
  });

/** Makes one; its devices are those from the number `first` on, and its site has the code. */
export async function inhabit(app: AttackApp, first: number, siteCode: string): Promise<Inhabited> {
  const tenantId = await app.door.fleet(fleetSize, first);
  const devices = Array.from({ length: fleetSize }, (_, at) => idOf(first + at)).toSorted();
  const base = `/api/v1/tenants/${tenantId}`;
  const make = async (path: string, body: unknown, id: string): Promise<string> => {
    const { status, text, body: made } = await app.admin("POST", base + path, body);
    if (status >= 300) throw new Error(`${path}: ${text}`);
    return String(made[id]);
  };
  const collect = (deviceIds: readonly string[]) =>
    make("/collections", { kind: "static", name: "Some", deviceIds }, "collectionId");
  const collections = [
    await collect(devices.slice(0, 2)),
    await collect(devices.slice(2, 4)),
  ] as const;
  const notify = (body: object) => make("/notifications", body, "notificationId");
  const notifications = [
    await notify({ action: "restart", target: { kind: "tenant" } }),
    await notify({
      action: "restart",
      target: { kind: "collection", collectionId: collections[0] },
    }),
  ] as const;
  const unsupported = await notify({ action: "installClient", target: { kind: "tenant" } });
  const { id: kind } = notificationShape;
  for (const jobId of [...notifications, unsupported])
    await app.door.deliver(planFunction, { kind, tenantId, jobId });
  const approvals = [
    await notify({ ...pivot, target: { kind: "tenant" } }),
    await notify({ ...pivot, target: { kind: "tenant" } }),
  ];
  const digests: string[] = [];
  for (const id of approvals) {
    const { body } = await app.admin("GET", `${base}/approvals/${id}`);
    digests.push(String(body["digest"]));
  }
  const registrations = [
    await make("/registrations", hardware, "registrationId"),
    await make("/registrations", hardware, "registrationId"),
  ] as const;
  await failDevice(app, tenantId, registrations[1]);
  const made = await app.admin("POST", "/api/v1/templates", template);
  const templateId = String(made.body["templateId"]);
  const targets = { deviceIds: devices };
  const begin = () => make("/provisioning-runs", { templateId, targets }, "runId");
  const runs = [await begin(), await begin()] as const;
  for (const jobId of runs)
    await app.door.deliver(planFunction, { kind: runShape.id, tenantId, jobId });
  await app.admin("POST", `${base}/provisioning-runs/${runs[1]}/cancel`);
  await app.door.deliver(closeFunction, { kind: runShape.id, tenantId, jobId: runs[1] });
  const inventoryId = randomUUID();
  const inventory = `${base}/sites/${siteCode}/inventories/${inventoryId}`;
  await app.admin("PUT", `${inventory}/parts/0`, { devices: [{ resourceId: 1, name: "PC-1" }] });
  const refreshId = await make(
    inventory.slice(base.length) + "/complete",
    { parts: 1 },
    "refreshId",
  );
  return {
    tenantId,
    devices,
    collections,
    notifications,
    approvals,
    digests,
    unsupported,
    registrations,
    templateId,
    runs,
    ids: {
      tenantId,
      collectionId: collections[1],
      deviceId: devices[3] ?? "",
      refreshId,
      notificationId: notifications[0],
      registrationId: registrations[0],
      runId: runs[1],
      reportId: newestFirstId(Date.now()),
      autopilotDeviceId: randomUUID(),
      approvalId: approvals[0] ?? "",
      siteCode,
      inventoryId,
      part: "0",
    },
  };
}

const hardware = {
  devices: ["PF000001", "PF000002"].map((serialNumber) => ({
    serialNumber,
    hardwareHash: hashOf(serialNumber),
  })),
};

/** Lets the first device of a registration fail, as the service would: here nobody answers. */
async function failDevice({ door }: AttackApp, tenantId: string, jobId: string): Promise<void> {
  const { register, engine } = door.services;
  const job = (await register.jobs.get(tenantId, jobId))?.job;
  const rows = await engine.items.range(jobId, "", "~");
  const [item] = rows.flatMap(({ items }) => items);
  if (job === undefined || item === undefined) throw new Error("not planned in the request");
  const transitions = new Map([[item.targetId, { event: "fail" } as const]]);
  const kind = register.kind as unknown as JobKind;
  await changeRows(engine, { kind, job, rows }, { transitions, now: Date.now() });
}

/** Ids of the same form that exist nowhere. */
export const nowhere = (): Ids => ({
  tenantId: randomUUID(),
  collectionId: newestFirstId(Date.now()),
  deviceId: randomUUID(),
  refreshId: newestFirstId(Date.now()),
  notificationId: newestFirstId(Date.now()),
  registrationId: newestFirstId(Date.now()),
  runId: newestFirstId(Date.now()),
  reportId: newestFirstId(Date.now()),
  autopilotDeviceId: randomUUID(),
  approvalId: newestFirstId(Date.now()),
  siteCode: "ZZ9",
  inventoryId: randomUUID(),
  part: "0",
});
