/** A proxy between a relay and what it speaks to, which loses, doubles, delays and refuses what a test says. */
import {
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to a call. `late`: whoever made it has long given up when it arrives. */
export type Fate =
  | "pass"
  | "never-arrives"
  | "answer-lost"
  | "twice"
  | "late"
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** A call by method and path. */
export type Call = { readonly method: string; readonly path: string };

/** A running proxy. */
export type Proxy = {
  readonly url: string;
  readonly calls: readonly Call[];
  /** Decides the fate of every call from now on. */
  readonly meddle: (fate: (call: Call) => Fate) => void;
  readonly stop: () => Promise<void>;
};

const lateMs = 300;

const untouched = (): Fate => "pass";

/** Starts a proxy before `target`, `http://host:port`. */
export async function startProxy(target: string): Promise<Proxy> {
  const calls: Call[] = [];
  let fateOf: (call: Call) => Fate = untouched;
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: Buffer[] = [];
    for await (const part of incoming) body.push(part as Buffer);
    const call = { method: incoming.method ?? "GET", path: decodeURI(incoming.url ?? "/") };
    calls.push(call);
    const forward = (to?: ServerResponse) => pass(target, incoming, Buffer.concat(body), to);
    await suffer(fateOf(call), incoming, response, forward).catch(() => response.destroy());
  };
  const server = createServer((incoming, response) => void serve(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    meddle: (fate) => {
      fateOf = fate;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function suffer(
  fate: Fate,
  incoming: IncomingMessage,
  response: ServerResponse,
  forward: (to?: ServerResponse) => Promise<void>,
): Promise<void> {
  if (typeof fate === "object") {
    response.writeHead(fate.status, fate.headers).end(fate.body);
    return;
  }
  switch (fate) {
    case "pass":
      return forward(response);
    case "never-arrives":
      incoming.socket.destroy();
      return;
    case "answer-lost":
      await forward();
      incoming.socket.destroy();
      return;
    case "twice":
      await forward();
      return forward(response);
    case "late":
      incoming.socket.destroy();
      await sleep(lateMs);
      return forward();
  }
}

/** Passes a request on; its answer goes to `to`, or nowhere. */
function pass(
  target: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  to?: ServerResponse,
): Promise<void> {
  const { hostname, port } = new URL(target);
  const options: RequestOptions = { hostname, port, method, path: url, headers, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request(options, (answer) => {
      answer.on("end", () => resolve()).on("error", reject);
      if (to === undefined) return void answer.resume();
      to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(to);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
