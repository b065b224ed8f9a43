/** A Graph of a few lines: pages of devices and Autopilot identities, and whatever fault a test wants. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GraphClient } from "../../../../shared/graph/client.ts";
import type { Clock } from "../../../../shared/kernel/clock.ts";
import type { Interceptor } from "../../../../shared/storage/calls.ts";

/** What a test puts in front of an answer; undefined lets the answer through. */
export type Odd = { status: number; headers?: Record<string, string>; body?: unknown };

export type SmallGraph = {
  /** Devices as Graph would list them, in its order; doubles are the test's business. */
  devices: Record<string, unknown>[];
  identities: Record<string, unknown>[];
  pageSize: number;
  /** Asked before each answer, with the number of the request (from 1) and its path. */
  odd: (nth: number, path: string) => Odd | undefined;
  readonly paths: string[];
  readonly client: (clock: Clock, tap: Interceptor) => GraphClient;
  readonly url: string;
  readonly stop: () => Promise<void>;
};

export async function startSmallGraph(): Promise<SmallGraph> {
  const paths: string[] = [];
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const graph: SmallGraph = {
    devices: [],
    identities: [],
    pageSize: 1000,
    odd: () => undefined,
    paths,
    url,
    client: (clock, tap) =>
      new GraphClient({
        baseUrl: url,
        token: async () => "t",
        clock,
        intercept: tap,
        timeoutMs: 5000,
      }),
    stop: () => new Promise((resolve) => void server.close(() => resolve())),
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    paths.push(path);
    const odd = graph.odd(paths.length, path);
    if (odd !== undefined) return send(response, odd);
    const asked = new URL(path, url);
    const list = path.includes("windowsAutopilot") ? graph.identities : graph.devices;
    const skip = Number(asked.searchParams.get("$skiptoken") ?? 0);
    const end = skip + graph.pageSize;
    const more = end < list.length;
    asked.searchParams.set("$skiptoken", String(end));
    const next = more ? { "@odata.nextLink": asked.toString() } : {};
    send(response, { status: 200, body: { value: list.slice(skip, end), ...next } });
  }
  return graph;
}

function send(response: ServerResponse, { status, headers, body }: Odd): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body ?? {}));
}
