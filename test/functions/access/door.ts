/** The way of a request into the app, with a directory of the test's own that signs its tokens. */

import { randomUUID } from "node:crypto";
import { HttpRequest } from "@azure/functions";
import {
  type HttpFunction,
  type QueueFunction,
  serveQueue,
  type Tools,
} from "../../../functions/define.ts";
import { refreshDevicesFunction } from "../../../functions/devices/refresh-devices.queue.ts";
import { planFunction } from "../../../functions/fanout/plan.queue.ts";
import { functions } from "../../../functions/functions.ts";
import { serveHttp } from "../../../functions/serve-http.ts";
import { buildServices, type Services } from "../../../functions/services.ts";
import type { AuditEvent } from "../../../shared/access/audit/records.ts";
import type { AuditTrail } from "../../../shared/access/audit/trail.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { refreshesWith } from "../../../shared/devices/refresh/work.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { type Interceptor, passThrough } from "../../../shared/storage/calls.ts";
import { delegated, home, sign, startDirectory } from "../../shared/access/entra.ts";
import { graphDevices } from "../../shared/devices/support/refresh-rig.ts";
import { startSmallGraph } from "../../shared/devices/support/small-graph.ts";
import { accessWith } from "../../support/access-settings.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { byMessageOnly, TestQueues, type Waiting } from "../../support/test-queues.ts";

export const adminToken = "doors-only-9b2e73504f8a1d6c0f5e8d21";

/** Every HTTP function. */
export const httpFunctions = functions.filter(
  (each): each is HttpFunction<Services> => each.kind === "http",
);

/** What a caller sends. */
export type Sent = {
  readonly token?: string | undefined;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What came back. */
export type Answered = {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Readonly<Record<string, string>>;
};

/** Lifetime claims of a token that was given out just now. */
export function timesNow() {
  const seconds = Math.floor(Date.now() / 1000);
  return { iat: seconds, nbf: seconds, exp: seconds + 3600 };
}

const times = { claimMs: 1000, confirmAfterMs: 1000, graphTimeoutMs: 500, overdueMs: 5000 };

/** Where a door opens: the run's storage unless a test has its own, and a seam that sees each call. */
export type DoorOptions = {
  readonly connectionString?: string;
  readonly tap?: Interceptor;
  /** Where keys that seal secrets are kept; without it nothing is sealed. */
  readonly keyFile?: string;
  /** Times the table of request rates. */
  readonly rateFactor?: number;
  /** After twice that time, work without a sign of life is taken up again. */
  readonly claimMs?: number;
};

/** Opens the door of an installation. */
export async function openDoor(options: DoorOptions = {}) {
  const {
    connectionString,
    keyFile,
    tap = passThrough,
    rateFactor = 1000,
    claimMs = times.claimMs,
  } = options;
  const directory = await startDirectory();
  const key = await directory.addKey("one");
  const value = connectionString ?? storageConnectionString();
  const settings = {
    ...times,
    claimMs,
    keepMs: {
      notifications: Number.POSITIVE_INFINITY,
      syncs: Number.POSITIVE_INFINITY,
      deadLetters: Number.POSITIVE_INFINITY,
    },
    storage: { kind: "connectionString", value } as const,
    access: {
      ...accessWith(adminToken),
      homeTenantIds: [home],
      rateFactor,
      sealing: keyFile === undefined ? undefined : ({ kind: "file", path: keyFile } as const),
    },
    graphUrl: "https://graph.invalid",
    authorityUrl: directory.authorityUrl,
    clientId: "muster",
    credential: { kind: "secret", clientSecret: "secret" } as const,
  };
  // Not the real queues: other test files run whole apps on the same storage, which would take the messages.
  const queues = new TestQueues(passThrough);
  const world = { clock: systemClock, intercept: tap, queues, firstPass: byMessageOnly };
  const built = await buildServices(settings, () => ({}), world);
  const events: AuditEvent[] = [];
  const trail: AuditTrail = {
    append: async (event) => {
      await built.trail.append(event);
      events.push(event);
    },
  };
  const graph = await startSmallGraph();
  const services = {
    ...built,
    trail,
    refreshes: refreshesWith({
      ...built.refreshes.parts,
      graph: graph.client(systemClock, passThrough),
    }),
  };
  const logged: string[] = [];
  const log: Tools<Services>["log"] = (event, fields) =>
    void logged.push(JSON.stringify([event, fields]));
  const tools: Tools<Services> = { services, log };
  const deliver = (definition: QueueFunction<Services>, message: object): Promise<void> =>
    serveQueue(definition, { v: 1, ...message }, { invocationId: "q" }, tools);

  const serve = async (
    definition: HttpFunction<Services>,
    sent: Sent,
    other: Partial<Services> = {},
  ): Promise<Answered> => {
    const { operation } = definition;
    const { token, params = {}, query = "", body, headers } = sent;
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) => params[name] ?? "x");
    const request = new HttpRequest({
      method: operation.method,
      url: `http://muster.local/${path}${query}`,
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      params,
      ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
    });
    const all: Tools<Services> = { ...tools, services: { ...services, ...other } };
    const answer = await serveHttp(definition, request, { invocationId: randomUUID() }, all);
    const text = typeof answer.body === "string" ? answer.body : "{}";
    return {
      status: answer.status ?? 0,
      body: JSON.parse(text) as Record<string, unknown>,
      headers: answer.headers as Record<string, string>,
    };
  };
  const call = (name: string, sent: Sent): Promise<Answered> => {
    const definition = httpFunctions.find(({ operation }) => operation.name === name);
    if (definition === undefined) throw new Error(`no operation ${name}`);
    return serve(definition, sent);
  };
  /** Carries a refresh out: a slow machine needs several slices, each of which asks for the next. */
  const refresh = async (tenantId: string, refreshId: string): Promise<void> => {
    const isRunning = async (): Promise<boolean> =>
      (await services.refreshes.parts.refreshes.get(tenantId, refreshId))?.refresh.state ===
      "running";
    do await deliver(refreshDevicesFunction, { tenantId, refreshId });
    while (await isRunning());
  };
  /** Gives a role to a new person; answers their token and the assignment. */
  const holder = async (roleId: string, scope: Scope) => {
    const oid = randomUUID();
    const principal = { kind: "user", homeTenantId: home, id: oid };
    const given = await call("assignments-add", {
      token: adminToken,
      body: { principal, roleId, scope },
    });
    if (given.status !== 201) throw new Error(JSON.stringify(given.body));
    const token = await sign({ ...delegated(directory.issuer), ...timesNow(), oid }, key, "one");
    return { token, oid, assignmentId: String(given.body["assignmentId"]) };
  };
  return {
    directory,
    key,
    events,
    logged,
    services,
    queues,
    serve,
    call,
    holder,
    refresh,
    /** Plans what was sent; answers the messages that it left for others. */
    plan: async () => {
      const left: Waiting[] = [];
      for (let next = await queues.take(); next !== undefined; next = await queues.take()) {
        const { queue, message } = next;
        if (queue !== planFunction.name) left.push(next);
        else await serveQueue(planFunction, message, { invocationId: "p" }, tools);
      }
      return left;
    },
    tenant: async (): Promise<string> => {
      const tenantId = randomUUID();
      const pace = { deviceActions: "unlimited", deviceReads: "unlimited" } as const;
      await built.tenants.add({ tenantId, displayName: "Contoso", pace });
      return tenantId;
    },
    deliver,
    /** A tenant with so many devices, numbered from `first` on. */
    fleet: async (devices: number, first = 0): Promise<string> => {
      const tenantId = randomUUID();
      const pace = { deviceActions: "unlimited", deviceReads: "unlimited" } as const;
      await built.tenants.add({ tenantId, displayName: "Contoso", pace });
      graph.devices = graphDevices(first + devices, first);
      const refreshId = newestFirstId(Date.now());
      await services.refreshes.start(tenantId, refreshId);
      await refresh(tenantId, refreshId);
      return tenantId;
    },
    /** The tenant as if it had so many devices from now on. */
    grow: async (tenantId: string, devices: number): Promise<void> => {
      graph.devices = graphDevices(devices, 0);
      const refreshId = newestFirstId(Date.now());
      await services.refreshes.start(tenantId, refreshId);
      await refresh(tenantId, refreshId);
    },
    stop: async () => {
      await graph.stop();
      await directory.stop();
    },
  };
}

export type Door = Awaited<ReturnType<typeof openDoor>>;
