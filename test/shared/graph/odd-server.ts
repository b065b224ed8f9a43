/** A server that stands in for Graph and answers as a test tells it, also not at all. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as it came in. */
export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

/** How to answer. */
export type Script = (seen: Seen, response: ServerResponse) => void;

/** Answers with a status, a body and headers. */
export const answering =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): Script =>
  (_seen, response) => {
    response.writeHead(status, headers);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

/** Starts it; `script` is asked for each request, and `seen` keeps them. */
export async function startOddServer() {
  const seen: Seen[] = [];
  let script: Script = answering(200);
  const server = createServer((request, response) => {
    void take(request, response);
  });
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    const one = { method, url, headers, body: await text(request) };
    seen.push(one);
    script(one, response);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    /** From now on answers so, and forgets what was seen. */
    answer: (next: Script): void => {
      script = next;
      seen.length = 0;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
