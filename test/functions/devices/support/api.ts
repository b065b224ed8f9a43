/** The app's HTTP functions on real storage, called by name, with a small Graph behind them. */

import { randomUUID } from "node:crypto";
import { HttpRequest, InvocationContext } from "@azure/functions";
import { serveQueue } from "../../../../functions/define.ts";
import { functions } from "../../../../functions/functions.ts";
import { serveHttp } from "../../../../functions/serve-http.ts";
import { buildServices } from "../../../../functions/services.ts";
import { readSettings } from "../../../../functions/settings.ts";
import { refreshesWith } from "../../../../shared/devices/refresh/work.ts";
import { systemClock } from "../../../../shared/kernel/clock.ts";
import { passThrough } from "../../../../shared/storage/calls.ts";
import { startSmallGraph } from "../../../shared/devices/support/small-graph.ts";
import { storageConnectionString } from "../../../support/azurite.ts";

/** An answer; `body` is the parsed JSON. */
export type Called = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
};

const adminToken = "forms-only-9b2e73504f8a1d6c0f5e8d21";

export async function openApi() {
  const graph = await startSmallGraph();
  const settings = readSettings({
    AzureWebJobsStorage: storageConnectionString(),
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_REQUEST_RATE_FACTOR: "1000",
    MUSTER_GRAPH_URL: graph.url,
    MUSTER_AUTHORITY_URL: "https://sign-in.invalid",
    MUSTER_CLIENT_ID: "app",
    MUSTER_CLIENT_SECRET: "secret",
  });
  const built = await buildServices(settings, () => ({}));
  const client = graph.client(systemClock, passThrough);
  const tools = {
    services: {
      ...built,
      refreshes: refreshesWith({ ...built.refreshes.parts, graph: client }),
    },
    log: () => {},
  };

  const call = async (
    name: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Called> => {
    const definition = functions.find(
      (each) => each.kind === "http" && each.operation.name === name,
    );
    if (definition?.kind !== "http") throw new Error(`no operation ${name}`);
    const { operation } = definition;
    const url = new URL(path, "http://muster.local");
    const route = operation.path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
    const request = new HttpRequest({
      method: operation.method,
      url: url.toString(),
      headers: {
        authorization: `Bearer ${adminToken}`,
        "content-type": "application/json",
        ...headers,
      },
      params: { ...new RegExp(`^/${route}$`).exec(url.pathname)?.groups },
      ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
    });
    const invocation = { invocationId: randomUUID() };
    const answer = await serveHttp(definition, request, invocation, tools);
    return {
      status: answer.status ?? 0,
      headers: { ...(answer.headers as Record<string, string>) },
      body: JSON.parse(typeof answer.body === "string" ? answer.body : "{}"),
    };
  };

  return {
    graph,
    call,
    /** Adds a tenant of its own for a test file, and answers the path of everything about it. */
    addTenant: async (): Promise<{ tenantId: string; base: string }> => {
      const tenantId = randomUUID();
      const pace = { deviceReads: "unlimited" };
      await call("tenants-add", "/api/v1/tenants", { tenantId, displayName: "Contoso", pace });
      return { tenantId, base: `/api/v1/tenants/${tenantId}` };
    },
    /** Delivers one message to the refresh function. */
    deliver: async (message: object): Promise<void> => {
      const definition = functions.find(
        (each) => each.kind === "queue" && each.name === "devices-refresh",
      );
      if (definition?.kind !== "queue") throw new Error("no refresh function");
      await serveQueue(definition, message, new InvocationContext(), tools);
    },
  };
}

export type Api = Awaited<ReturnType<typeof openApi>>;
