/**
 * One exchange over HTTP: a request goes out, and its whole answer comes back as text, or an error says why not.
 *
 * On Node's `http` and not on `fetch`, whose streams, headers and signals cost the processor twice as much; what `fetch`
 * does for its callers beside that is done here. Nothing is sent twice, no redirect is followed, half an answer is none.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
} from "node:http";
import { globalAgent, Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, inflateRaw } from "node:zlib";

/** What goes out. */
type Asked = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** What came back; headers by their names in lower case, those that came several times joined by commas. */
type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
};

class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** When it is too late. One timer for all that a call waits for, one thing after the other. */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #isOver = false;
  #end: () => void = () => undefined;

  constructor(afterMs: number) {
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#end();
    }, afterMs);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Who is told from now on, in the place of whoever was before; at once where it is too late already. */
  onEnd(end: () => void): void {
    this.#end = end;
    if (this.#isOver) end();
  }

  /** Nobody waits any more. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Connections are kept as `fetch` keeps them where a server says nothing: as many as there are, for 4 seconds, or for 2 less
 * than the server says where that is sooner, so that we close them before it does. One that lies idle does not keep the process from ending.
 */
const keeping = {
  keepAlive: true,
  timeout: 4_000,
  agentKeepAliveTimeoutBuffer: 2_000,
  maxFreeSockets: Number.POSITIVE_INFINITY,
  // A proxy, where the process has been told to use what its environment names.
  proxyEnv: globalAgent.options.proxyEnv,
};
const plainAgent = new PlainAgent(keeping);
const tlsAgent = new TlsAgent(keeping);

/** Asks once. Throws where no whole answer came: a `TimeoutError` where it did not come in time. */
export async function exchange(address: string, asked: Asked, until: Deadline): Promise<Answered> {
  // Escapes what an address cannot hold as it is, such as blanks.
  const url = new URL(address);
  let answer: Received | undefined;
  while (answer === undefined) answer = await attempt(url, asked, until);
  const { statusCode: status = 0, headers } = answer.head;
  const bytes = await unpacked(Buffer.concat(answer.chunks), headers["content-encoding"] ?? "");
  return { status, headers, text: utf8.decode(bytes) };
}

/** A body without its codings, which are named in the order in which they were applied. */
async function unpacked(packed: Buffer, codings: string): Promise<Buffer> {
  let bytes = packed;
  for (const coding of codings.toLowerCase().split(",").toReversed()) {
    const unpack = unpackers.get(coding.trim());
    // What has no body may name a coding all the same.
    if (unpack === undefined || bytes.length === 0) return bytes;
    try {
      bytes = await unpack(bytes);
    } catch (cause) {
      throw new Error("the answer broke off, or is not packed as it says", { cause });
    }
  }
  return bytes;
}

/** Takes a byte order mark away. */
const utf8 = new TextDecoder();

type Received = { readonly head: IncomingMessage; readonly chunks: readonly Buffer[] };

/**
 * Answers undefined where the kept connection was closed before anything had been written on it: there are others.
 *
 * A server may close one that lies idle at any moment, and what is written on it then is lost, or done and not answered;
 * nobody can tell. So a kept connection has a turn of the event loop to say that it was closed, which it could not while
 * something else had the processor. What was written is not written again, a GET neither. `fetch` does the same with one
 * turn (undici 7.29 in Node 24.21: `scheduleIdleSocketValidation`, and no second try in `onHttpSocketClose`). The first
 * of ours may end before the system was asked for news, so that there are two.
 */
function attempt(url: URL, asked: Asked, until: Deadline): Promise<Received | undefined> {
  return new Promise((done, fail) => {
    if (until.isOver) return fail(new TimeoutError("no answer in time"));
    const request = requestTo(url, asked);
    let isWritten = false;
    const write = (): void => {
      if (request.destroyed) return;
      isWritten = true;
      request.end(asked.body);
    };
    until.onEnd(() => {
      fail(new TimeoutError("no answer in time"));
      request.destroy();
    });
    request.on("socket", (socket) => {
      if (socket.connecting) endUnconnected(request, socket, url);
      if (request.reusedSocket) setImmediate(setImmediate, write);
      else write();
    });
    // Stays when the answer is there: an error that nobody listens to ends the process.
    request.on("error", (error) => {
      if (request.reusedSocket && !isWritten) done(undefined);
      else fail(error);
    });
    request.on("upgrade", (_head, socket: Duplex) => {
      socket.destroy();
      fail(new Error("the answer goes on in another protocol"));
    });
    request.on("response", (head) => {
      // What a server says by itself, such as that it has waited for too long, answers nothing.
      if (!isWritten) {
        done(undefined);
        return void request.destroy();
      }
      const chunks: Buffer[] = [];
      head.on("data", (chunk: Buffer) => chunks.push(chunk));
      head.on("end", () => done({ head, chunks }));
      head.on("error", (cause) =>
        fail(new Error("the connection was cut in the middle of the answer", { cause })),
      );
    });
  });
}

/** A connection that is not made by then is given up, as by `fetch`: that says nothing of how much was asked. */
const connectMs = 10_000;

function endUnconnected(request: ClientRequest, socket: Socket, { protocol }: URL): void {
  const end = (): void =>
    void request.destroy(new Error("no connection was made within 10 seconds"));
  const late = setTimeout(end, connectMs);
  for (const over of [protocol === "https:" ? "secureConnect" : "connect", "close"])
    socket.once(over, () => clearTimeout(late));
}

function requestTo(url: URL, { method, headers, body }: Asked): ClientRequest {
  const isTls = url.protocol === "https:";
  return (isTls ? tlsRequest : plainRequest)(url, {
    method,
    agent: isTls ? tlsAgent : plainAgent,
    // Else the first of several counts for some names.
    joinDuplicateHeaders: true,
    headers: {
      ...headers,
      "user-agent": "Muster",
      "accept-encoding": "br, gzip, deflate",
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    },
  });
}

type Unpack = (packed: Buffer) => Promise<Buffer>;
const inflateWhole: Unpack = promisify(inflate);
const inflateBare: Unpack = promisify(inflateRaw);

/**
 * By the names of what we say that we take; what is called otherwise is read as it is. All work beside the event loop,
 * and take what breaks off for an error.
 */
const unpackers: ReadonlyMap<string, Unpack> = new Map([
  ["br", promisify(brotliDecompress)],
  ["gzip", promisify(gunzip)],
  ["x-gzip", promisify(gunzip)],
  // With a head of its own, whose first byte tells it, or without: servers mean the one by it or the other.
  [
    "deflate",
    (packed) => ((packed[0] ?? 0) % 16 === 8 ? inflateWhole(packed) : inflateBare(packed)),
  ],
] as [string, Unpack][]);
