/**
 * A request as its caller sent it.
 *
 * With HTTP streaming the Functions library makes `headers` and `params` of a request from trigger metadata, and the
 * host fills that metadata from the JSON body and the query as well: a body with a property `Headers` replaces every
 * header, a query `?TENANTID=` takes the name of a path value (docs/decisions/0022). So nothing is read from there
 * but the client's address, and that only where nothing can have replaced it: headers come from the request that the
 * host forwards to this process, path values from its address.
 */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpRequest } from "@azure/functions";
import { type BodySource, isAnnounced, takeBytes } from "../shared/http/body.ts";
import { valuesIn } from "../shared/http/operation.ts";

/** What a request is served from. */
export type Incoming = BodySource & {
  readonly method: string;
  readonly url: string;
  /** Its query or body can have replaced the address that it came from. */
  readonly hidesAddress?: boolean;
  /** The values of the names in the operation's path. */
  readonly params: Readonly<Record<string, string>>;
  /** Has the connection closed behind the answer: a body that is still coming will not be read. */
  readonly closeAfter?: () => void;
  /** Waits until what was written has left; false when nobody takes it any more. */
  readonly mayWrite?: () => Promise<boolean>;
};

type Arrival = { readonly request: IncomingMessage; readonly response: ServerResponse };

const idHeader = "x-ms-invocation-id";

/** Keeps hold of every request that the host forwards, until it is taken or its connection ends. */
export function watchRequests(): (invocationId: string) => Arrival | undefined {
  const arrivals = new Map<string, Arrival>();
  // Node's own channel: the library that owns this process's HTTP server hands the request itself to nobody.
  subscribe("http.server.request.start", (message) => {
    const arrival = message as Arrival;
    const id = arrival.request.headers[idHeader];
    if (typeof id !== "string") return;
    arrivals.set(id, arrival);
    arrival.response.once("close", () => {
      if (arrivals.get(id) === arrival) arrivals.delete(id);
    });
  });
  return (invocationId) => arrivals.get(invocationId);
}

/** The request of an invocation, for the operation at `path`. */
export async function incomingOf(
  path: string,
  request: HttpRequest,
  arrival: Arrival | undefined,
): Promise<Incoming> {
  // Without it there is no telling what the caller sent: rather no answer than a wrong one.
  if (arrival === undefined)
    throw new Error("the forwarded request of this invocation is not here");
  const headers = headersOf(arrival.request);
  const announced = Number(headers.get("content-length") ?? 0);
  // The host reads a body of known length before it says anything of the request; a chunked one it leaves alone.
  const known = request.body !== null && isAnnounced(headers);
  const taken = known ? await takeBytes(request.body, announced) : undefined;
  const url = new URL(request.url);
  const address = request.headers.get("x-forwarded-for");
  headers.delete("x-forwarded-for");
  // A body that the library keeps from a GET's handler is in the metadata all the same.
  const unseen = announced > 0 && !known;
  const shadowed = unseen || queryShadows(url) || mayShadow(taken?.bytes, known);
  if (address !== null && !shadowed) headers.set("x-forwarded-for", address);
  return {
    method: request.method,
    url: request.url,
    headers,
    hidesAddress: shadowed,
    params: valuesIn(path, url.pathname) ?? {},
    body: taken?.body ?? request.body,
    closeAfter: () => {
      arrival.response.shouldKeepAlive = false;
    },
    mayWrite: () => mayWrite(arrival.response),
  };
}

/**
 * The library writes an answer's stream as fast as it comes, whatever its connection takes: without this, a document of
 * a million rows would wait in memory for a slow reader.
 */
async function mayWrite(response: ServerResponse): Promise<boolean> {
  if (response.writableNeedDrain && !response.destroyed)
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  return !response.destroyed;
}

/** The headers as they were sent; what the host has added for the library stays out. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.toLowerCase() !== idHeader) headers.append(name, rawHeaders[at + 1] ?? "");
  }
  return headers;
}

/** Whether the query has given the metadata its headers: the library reads JSON out of a text too. */
const queryShadows = ({ searchParams }: URL): boolean =>
  [...searchParams.keys()].some((name) => name.toUpperCase() === "HEADERS");

/**
 * Whether a body can have given the metadata its headers: an object with a property of that name, in any case. The
 * host's reader takes more for JSON than this one (comments, names without quotes, UTF-16), so what mentions the name
 * and is not plain JSON counts as one.
 */
function mayShadow(bytes: Uint8Array | undefined, known: boolean): boolean {
  if (!known) return false;
  if (bytes === undefined) return true;
  const text = Buffer.from(bytes).toString("latin1");
  const begin = text.trimStart();
  if (begin.charCodeAt(0) > 0x7f) return true;
  if (!begin.startsWith("{") || !/headers|\\/i.test(text)) return false;
  try {
    const parsed = JSON.parse(Buffer.from(bytes).toString("utf8")) as object;
    return Object.keys(parsed).some((name) => name.toUpperCase() === "HEADERS");
  } catch {
    return true;
  }
}
