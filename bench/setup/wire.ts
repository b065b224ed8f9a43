/**
 * Counts storage requests at the wire: a reverse proxy in front of Azurite's three services. It knows
 * requests only by their method, path and answer, and nothing of the code that sends them.
 */
import {
  Agent,
  request as ask,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** How many requests of each kind; a kind is `service verb resource`. */
export type WireCounts = Readonly<Record<string, number>>;

/** A counting proxy. */
export type Wire = {
  /** The connection string that leads through the proxy. */
  readonly connectionString: string;
  readonly read: () => WireCounts;
  /** What came of requests that are in `read` already: refusals by status and kind, messages taken, and those taken again. */
  readonly readAnswers: () => WireCounts;
  /** Milliseconds since the last request that was more than a poll of an empty queue or a host's look at a lock. */
  readonly quietMs: () => number;
  readonly stop: () => Promise<void>;
};

const services = ["Table", "Queue", "Blob"] as const;
type Service = (typeof services)[number];

/** Starts the proxy before the storage that a connection string names. */
export async function startWire(connectionString: string): Promise<Wire> {
  const counts = new Map<string, number>();
  const answers = new Map<string, number>();
  let busyAt = performance.now();
  const count = (kind: string): void => {
    add(counts, kind);
    if (!isByTime(kind)) busyAt = performance.now();
  };
  const note = (kind: string): void => add(answers, kind);
  const agent = new Agent({ keepAlive: true });
  let through = connectionString;
  const servers: Server[] = [];
  for (const service of services) {
    const port = Number(new RegExp(`${service}Endpoint=http://[^:;]+:(\\d+)/`).exec(through)?.[1]);
    const server = createServer((incoming, outgoing) =>
      forward(service, { port, agent, count, note }, incoming, outgoing),
    );
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    servers.push(server);
    through = through.replace(`:${port}/`, `:${(server.address() as AddressInfo).port}/`);
  }
  const stop = async (): Promise<void> => {
    agent.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  return {
    connectionString: through,
    read: () => Object.fromEntries(counts),
    readAnswers: () => Object.fromEntries(answers),
    quietMs: () => performance.now() - busyAt,
    stop,
  };
}

function add(to: Map<string, number>, kind: string): void {
  to.set(kind, (to.get(kind) ?? 0) + 1);
}

type Way = {
  readonly port: number;
  readonly agent: Agent;
  readonly count: (kind: string) => void;
  readonly note: (kind: string) => void;
};

function forward(
  service: Service,
  { port, agent, count, note }: Way,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const { method = "", url = "", headers } = incoming;
  let kind = kindOf(service, method, url);
  const isTransaction = kind === transaction;
  // Its first change names the table of all of them.
  if (isTransaction)
    incoming.once("data", (chunk: Buffer) => {
      kind += ` ${/^[A-Z]+ http:\/\/[^/]+\/[^/]+\/(\w+)/m.exec(chunk.toString("latin1"))?.[1]}`;
    });
  const onward = ask({ host: "127.0.0.1", port, method, path: url, headers, agent }, (answer) => {
    const { statusCode = 502 } = answer;
    const isReceive = kind.startsWith("queue receive");
    // The host asks for queues that nobody has needed yet, too.
    const isMissing = method === "GET" && service === "Queue" && statusCode === 404;
    if (!isReceive) count(isMissing ? emptyPoll : kind);
    let text = "";
    answer.on("data", (chunk: Buffer) => {
      if (isReceive || isTransaction) text += chunk.toString("latin1");
    });
    answer.on("end", () => {
      if (isReceive) count(text.includes("<QueueMessage>") ? kind : emptyPoll);
      for (const [, times] of text.matchAll(/<DequeueCount>(\d+)</g))
        note(times === "1" ? "message taken" : "message taken again");
      // A transaction is accepted, and refused inside of the answer.
      const [, status] = /^HTTP\/1.1 ([45]\d\d)/m.exec(text) ?? [undefined, statusCode];
      if (Number(status) >= 400) note(`${status} ${kind}`);
    });
    outgoing.writeHead(statusCode, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}

const transaction = "table transaction";

/** A look at a queue that found nothing: it depends on time, not on devices. */
export const emptyPoll = "empty poll";

/** The container of hosts' leases on their timers: each host that waits for one asks every two seconds, however much there is to do. */
const hostLocks = "azure-webjobs-hosts";
const isOfLocks = (kind: string): boolean => kind.startsWith("blob") && kind.endsWith(hostLocks);
const isByTime = (kind: string): boolean => kind === emptyPoll || isOfLocks(kind);

/** What a request does to which table, queue or container. The first path segment is the account. */
function kindOf(service: Service, method: string, url: string): string {
  const [path = ""] = decodeURIComponent(url).split("?");
  const [, , resource = "", rest = ""] = path.split("/");
  const [name] = resource.split("(");
  switch (service) {
    case "Table":
      if (resource === "$batch") return transaction;
      return `table ${method === "GET" ? "read" : "write"} ${name}`;
    case "Queue":
      if (rest !== "messages") return `queue other ${name}`;
      return `queue ${queueVerbs[method] ?? method} ${name}`;
    case "Blob":
      return `blob ${method === "GET" || method === "HEAD" ? "read" : "write"} ${name}`;
  }
}

const queueVerbs: Readonly<Record<string, string>> = {
  GET: "receive",
  POST: "send",
  DELETE: "delete",
  PUT: "update",
};

/** What was counted between two readings. */
export const countsBetween = (before: WireCounts, after: WireCounts): WireCounts =>
  Object.fromEntries(
    Object.entries(after)
      .map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );

/** Requests whose kind begins with a text; polls of empty queues only where they are asked for. */
export const sumOf = (counts: WireCounts, prefix = ""): number =>
  Object.entries(counts)
    .filter(([kind]) => kind.startsWith(prefix) && (kind !== emptyPoll || prefix === emptyPoll))
    .reduce((sum, [, count]) => sum + count, 0);

/** Requests of hosts for their leases on timers. */
export const locksIn = (counts: WireCounts): number =>
  Object.entries(counts).reduce((sum, [kind, count]) => sum + (isOfLocks(kind) ? count : 0), 0);
