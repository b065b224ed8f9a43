/** A sign-in service of a test's own over HTTPS that answers as it is told, for MSAL to talk to. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { generate } from "selfsigned";

/** An answer to a request for a token; `cut` ends the connection instead. */
export type TokenAnswer =
  | { readonly status: number; readonly body: unknown; readonly location?: string }
  | "cut";

/** A request for a token, as it came in. */
export type TokenRequest = { readonly tenantId: string; readonly form: URLSearchParams };

/** Starts it; this process trusts its certificate from then on. */
export async function startEntra() {
  // A name of its own: among certificates of one name OpenSSL looks at the first it finds.
  const { private: key, cert } = await generate([{ name: "commonName", value: randomUUID() }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  setDefaultCACertificates([...getCACertificates("default"), cert]);
  const requests: TokenRequest[] = [];
  let next: TokenAnswer | ((path: string) => TokenAnswer) | undefined;
  const give = (response: ServerResponse, answer: TokenAnswer): void => {
    if (answer === "cut") return void response.socket?.destroy();
    const { status, body, location } = answer;
    if (location !== undefined) response.setHeader("location", location);
    const isText = typeof body === "string";
    response.writeHead(status, { "content-type": isText ? "text/html" : "application/json" });
    response.end(isText ? body : JSON.stringify(body));
  };
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, tenantId = ""] = String(request.url).split("/");
    requests.push({ tenantId, form: new URLSearchParams(await text(request)) });
    const told = typeof next === "function" ? next(String(request.url)) : next;
    give(response, told ?? { status: 200, body: token(`token ${requests.length} of ${tenantId}`) });
  };
  const server = createServer({ key, cert }, (request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    /** What to answer from now on; undefined means tokens, numbered. */
    answer: (given: typeof next): void => {
      next = given;
      requests.length = 0;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const token = (accessToken: string) => ({
  token_type: "Bearer",
  expires_in: 3599,
  access_token: accessToken,
});
