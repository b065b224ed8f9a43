/**
 * Everything of the first job except the host: real services over Azurite and the sandbox, with queues
 * that the test drains, so that it decides which message comes when, how often, and into whose death.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type QueueFunction, serveQueue, type Tools } from "../../functions/define.ts";
import { functions } from "../../functions/functions.ts";
import { buildServices, type Services } from "../../functions/services.ts";
import type { Settings } from "../../functions/settings.ts";
import { type Clock, systemClock } from "../../shared/kernel/clock.ts";
import { newestFirstId } from "../../shared/kernel/values.ts";
import { NewNotification } from "../../shared/notifications/contract.ts";
import { readNotification } from "../../shared/notifications/read-notifications.ts";
import { sendNotification } from "../../shared/notifications/send-notification.ts";
import { startTestSandbox, type TestSandbox } from "../local/sandbox/support.ts";
import { accessWith } from "./access-settings.ts";
import { storageConnectionString } from "./azurite.ts";
import { type FaultTap, faultTap, Killed } from "./fault-tap.ts";
import { passTime } from "./passing-time.ts";
import { byMessageOnly, TestQueues, type Waiting } from "./test-queues.ts";

/** Times in the proportions of the real ones. An answer is waited for in real time: as long as a busy machine may take. */
const times = {
  claimMs: 6_000,
  confirmAfterMs: 60,
  graphTimeoutMs: 5_000,
  overdueMs: 1000,
};
/** How long a removed tenant is purged at least. */
export const settleMs = 700;
/** How soon a failed message comes back. */
const redeliverMs = 20;
/** A message that fails this often without being killed shows a bug. */
const maxFailures = 12;

/** The admin token of its installation. */
export const rigAdminToken = "a".repeat(32);

export type NotifyRig = {
  readonly sandbox: TestSandbox;
  readonly services: Services;
  readonly queues: TestQueues;
  readonly faults: FaultTap;
  /** A tenant with a fleet, its directory refreshed. */
  readonly tenant: (plan?: Record<string, unknown>) => Promise<string>;
  /** Sends a notification; answers its id. */
  readonly send: (tenantId: string, body?: Record<string, unknown>) => Promise<string>;
  /** Handles one message; a death leaves it in the queue. */
  readonly handle: (message: Waiting) => Promise<void>;
  /** Handles messages until none is left, or `until` holds. */
  readonly drain: (until?: () => boolean) => Promise<void>;
  readonly view: (tenantId: string, notificationId: string) => Promise<View>;
  readonly ledger: (tenantId: string) => Promise<{ total: number; doubled: number }>;
  readonly stop: () => Promise<void>;
};

type View = Extract<Awaited<ReturnType<typeof readNotification>>, { ok: true }>["value"];

/**
 * Starts a rig. `clock` is the machine's clock as the app sees it; `beside` another rig, whose sandbox,
 * storage and queues this one shares: a second host of the same app. `more` are settings beside its own.
 */
export async function startNotifyRig(
  clock: Clock = systemClock,
  beside?: NotifyRig,
  more: (sandbox: TestSandbox) => Partial<Settings> = () => ({}),
): Promise<NotifyRig> {
  const sandbox = beside?.sandbox ?? (await startTestSandbox());
  const faults = faultTap();
  const queues = beside?.queues ?? new TestQueues(faults.tap);
  const services = await rigServices(sandbox, { faults, queues, clock, more: more(sandbox) });
  const tools: Tools<Services> = { services, log: () => undefined };
  const byQueue = new Map(
    functions.flatMap((each) => (each.kind === "queue" ? [[each.name, each] as const] : [])),
  );

  const handleOne = async (waiting: Waiting): Promise<void> => {
    const definition: QueueFunction<Services> | undefined = byQueue.get(waiting.queue);
    if (definition === undefined) throw new Error(`nobody listens on ${waiting.queue}`);
    try {
      const tries = waiting.isRedelivered ? 2 : 1;
      await serveQueue(definition, waiting.message, { invocationId: "test" }, { ...tools, tries });
    } catch (error) {
      const attempts = error instanceof Killed ? waiting.attempts : waiting.attempts + 1;
      if (attempts > maxFailures) throw error;
      const visibleAt = Date.now() + redeliverMs;
      queues.put({ ...waiting, attempts, visibleAt, isRedelivered: true });
    }
    if (faults.isDead()) faults.revive();
  };
  const handle = (waiting: Waiting): Promise<void> => queues.handling(() => handleOne(waiting));
  const drain: NotifyRig["drain"] = async (until = () => false) => {
    for (;;) {
      if (until()) return;
      const next = await queues.take();
      if (next === undefined) return;
      await handle(next);
    }
  };
  return {
    sandbox,
    services,
    queues,
    faults,
    handle,
    drain,
    tenant: async (plan = {}) => {
      const { id } = await sandbox.tenant(plan);
      await sandbox.control("PUT", "/behaviour", { tenantId: id, actMs: [1, 3], reportMs: [1, 3] });
      const pace = { deviceActions: "unlimited", deviceReads: "unlimited" } as const;
      await services.tenants.add({ tenantId: id, displayName: "Contoso", pace });
      await services.refreshes.start(id, newestFirstId(Date.now()));
      await drain();
      return id;
    },
    send: async (tenantId, body = {}) => {
      const parsed = NewNotification.parse({
        action: "restart",
        target: { kind: "tenant" },
        expiresAfter: "PT60S",
        ...body,
      });
      const seed = newestFirstId(Date.now());
      const sent = await sendNotification(services.notify, tenantId, seed, parsed);
      if (!sent.ok) throw new Error(sent.failure.detail);
      return seed;
    },
    view: async (tenantId, notificationId) => {
      const found = await readNotification(services.notify, tenantId, notificationId);
      if (!found.ok) throw new Error(found.failure.detail);
      return found.value;
    },
    ledger: async (tenantId) => {
      const { body } = await sandbox.control<{ total: number; doubled: number }>(
        "GET",
        `/ledger/summary?tenantId=${tenantId}`,
      );
      return body;
    },
    stop: () => (beside === undefined ? sandbox.stop() : Promise.resolve()),
  };
}

async function rigServices(
  sandbox: TestSandbox,
  {
    faults,
    queues,
    clock,
    more,
  }: { faults: FaultTap; queues: TestQueues; clock: Clock; more: Partial<Settings> },
): Promise<Services> {
  const tokens = new Map<string, Promise<string>>();
  const token = (tenantId: string, fresh = false): Promise<string> => {
    const known = (fresh ? undefined : tokens.get(tenantId)) ?? signIn(sandbox, tenantId);
    tokens.set(tenantId, known);
    return known;
  };
  const settings = {
    ...times,
    keepMs: {
      notifications: Number.POSITIVE_INFINITY,
      syncs: Number.POSITIVE_INFINITY,
      deadLetters: Number.POSITIVE_INFINITY,
    },
    storage: { kind: "connectionString", value: storageConnectionString() } as const,
    access: {
      ...accessWith(rigAdminToken),
      // Beside the certificate: a folder of this stand-in's own.
      sealing: { kind: "file", path: join(dirname(sandbox.caFile), "keys.json") } as const,
    },
    signInClientId: sandbox.home.signInClientId,
    graphUrl: sandbox.graphUrl,
    authorityUrl: sandbox.authorityUrl,
    clientId: sandbox.clientId,
    credential: { kind: "secret", clientSecret: sandbox.clientSecret } as const,
    ...more,
  };
  const world = {
    clock,
    intercept: faults.tap,
    token,
    queues,
    firstPass: byMessageOnly,
    settleMs,
    wait: (ms: number) => Promise.resolve(passTime(ms)),
  };
  return buildServices(settings, () => ({}), world);
}

async function signIn(sandbox: TestSandbox, tenantId: string): Promise<string> {
  // The certificate is there before anybody signs in; a missing one is a broken rig.
  readFileSync(sandbox.caFile);
  const { body } = await sandbox.token(tenantId);
  return String(body["access_token"]);
}
