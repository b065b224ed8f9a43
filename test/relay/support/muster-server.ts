/**
 * The whole app over real HTTP and real storage, in the test's process: its own queues are handled as they
 * come, those of sites are real ones, because the relay drains them from outside.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HttpRequest } from "@azure/functions";
import { QueueClient } from "@azure/storage-queue";
import {
  type HttpFunction,
  type QueueFunction,
  serveQueue,
  type Tools,
} from "../../../functions/define.ts";
import { functions } from "../../../functions/functions.ts";
import { serveHttp } from "../../../functions/serve-http.ts";
import { buildServices, type Services } from "../../../functions/services.ts";
import { type Clock, systemClock } from "../../../shared/kernel/clock.ts";
import { type Interceptor, passThrough } from "../../../shared/storage/calls.ts";
import type { QueueName } from "../../../shared/storage/names.ts";
import { encodeMessage, Queues, type Receipt } from "../../../shared/storage/queues.ts";
import type { TestSandbox } from "../../local/sandbox/support.ts";
import { accessWith } from "../../support/access-settings.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { callerOf } from "./call-muster.ts";

export const adminToken = "relay-only-9b2e73504f8a1d6c0f5e8d21";

/** Times short enough for a test. */
const times = { claimMs: 2_000, confirmAfterMs: 60, graphTimeoutMs: 1_000, overdueMs: 5_000 };

const isHttp = (each: (typeof functions)[number]): each is HttpFunction<Services> =>
  each.kind === "http";
const isQueue = (each: (typeof functions)[number]): each is QueueFunction<Services> =>
  each.kind === "queue";

/** A running Muster. */
export type MusterServer = {
  readonly url: string;
  readonly tools: Tools<Services>;
  /** Requests that come in from now on are answered with this status; undefined: as usual. */
  readonly refuseWith: (status: number | undefined) => void;
  /** Calls the API; the caller says what shape the answer has. */
  // oxlint-disable-next-line no-unnecessary-type-parameters
  readonly call: <Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ status: number; body: Body }>;
  readonly stop: () => Promise<void>;
};

/** Where a Muster differs from the usual one. */
export type MusterPlan = {
  /** The directory whose people and apps may call, besides the bootstrap administrator. */
  readonly home?: { readonly authorityUrl: string; readonly tenantId: string };
  readonly clock?: Clock;
  /** Around every call that Muster makes. */
  readonly tap?: Interceptor;
};

/** Starts it beside a sandbox. */
export async function startMusterServer(
  sandbox: TestSandbox,
  { home, clock = systemClock, tap = passThrough }: MusterPlan = {},
): Promise<MusterServer> {
  const settings = {
    ...times,
    keepMs: {
      notifications: Number.POSITIVE_INFINITY,
      syncs: Number.POSITIVE_INFINITY,
      deadLetters: Number.POSITIVE_INFINITY,
    },
    storage: { kind: "connectionString", value: storageConnectionString() } as const,
    access: { ...accessWith(adminToken), homeTenantIds: home === undefined ? [] : [home.tenantId] },
    graphUrl: sandbox.graphUrl,
    authorityUrl: home?.authorityUrl ?? sandbox.authorityUrl,
    clientId: sandbox.clientId,
    credential: { kind: "secret", clientSecret: sandbox.clientSecret } as const,
  };
  const tokens = new Map<string, Promise<string>>();
  const token = (tenantId: string): Promise<string> => {
    const signedIn =
      tokens.get(tenantId) ??
      sandbox.token(tenantId).then(({ body }) => String(body["access_token"]));
    tokens.set(tenantId, signedIn);
    return signedIn;
  };
  const queues = new LiveQueues((queue, message) => handle(queue, message));
  const world = { clock, intercept: tap, token, queues };
  const services = await buildServices(settings, () => ({}), world);
  const tools: Tools<Services> = { services, log: () => undefined };
  const handle = async (queue: string, message: unknown): Promise<void> => {
    const definition = functions.filter(isQueue).find(({ name }) => name === queue);
    if (definition) await serveQueue(definition, message, { invocationId: "test" }, tools);
  };
  const door = { refusal: undefined as number | undefined };
  const server = createServer((request, response) => {
    response.setHeader("date", new Date(clock.now()).toUTCString());
    if (door.refusal === undefined) void answer(tools, request, response);
    else response.writeHead(door.refusal).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    tools,
    refuseWith: (status) => {
      door.refusal = status;
    },
    call: callerOf(url, adminToken),
    stop: async () => {
      queues.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  tools: Tools<Services>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const url = new URL(request.url ?? "/", "http://muster.local");
  for (const definition of functions.filter(isHttp)) {
    const { operation } = definition;
    if (operation.method !== request.method) continue;
    const route = operation.path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
    const match = new RegExp(`^/${route}$`).exec(url.pathname);
    if (match === null) continue;
    const text = Buffer.concat(parts).toString("utf8");
    const asked = new HttpRequest({
      method: operation.method,
      url: url.href,
      headers: { ...(request.headers as Record<string, string>) },
      params: { ...match.groups },
      ...(text === "" ? {} : { body: { string: text } }),
    });
    const answered = await serveHttp(definition, asked, { invocationId: randomUUID() }, tools);
    response.writeHead(answered.status ?? 200, answered.headers as Record<string, string>);
    response.end(typeof answered.body === "string" ? answered.body : undefined);
    return;
  }
  response.writeHead(404).end();
}

/** Queues that are handled at once, or when their delay is over; those of sites are Azure's. */
class LiveQueues extends Queues {
  readonly #handle: (queue: string, message: unknown) => Promise<void>;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(handle: (queue: string, message: unknown) => Promise<void>) {
    super((name) => new QueueClient(storageConnectionString(), name), passThrough);
    this.#handle = handle;
  }

  override async send(
    queue: Parameters<Queues["send"]>[0],
    message: object,
    delaySeconds = 0,
  ): Promise<Receipt> {
    if (queue.startsWith("site-")) return super.send(queue, message, delaySeconds);
    const sent: unknown = JSON.parse(
      Buffer.from(encodeMessage(queue, message), "base64").toString("utf8"),
    );
    const messageId = randomUUID();
    this.#later(queue, sent, delaySeconds * 1000, messageId);
    return { messageId, popReceipt: "" };
  }

  override withdraw(_queue: QueueName, { messageId }: Receipt): Promise<void> {
    clearTimeout(this.#timers.get(messageId));
    this.#timers.delete(messageId);
    return Promise.resolve();
  }

  #later(queue: string, message: unknown, ms: number, id: string): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(id);
        this.#handle(queue, message).catch(() => this.#later(queue, message, 50, id));
      },
      Math.max(0, ms),
    );
    this.#timers.set(id, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
