/** Where an app of the home tenant gets its tokens: the client credentials grant, over HTTPS as MSAL wants it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { generate } from "selfsigned";
import { appOnly, audience, home, robot, sign, startDirectory } from "../../shared/access/entra.ts";

/** The app that the relay signs in as. */
export const relayApp = { clientId: "55555555-5555-4555-8555-555555555555", secret: "open-sesame" };

/** What the next tokens are like. */
export type TokenPlan = {
  /** What MSAL is told; it asks for a new one five minutes before. */
  readonly expiresIn: number;
  /** When Muster finds it expired, in seconds from now. */
  readonly validFor: number;
  readonly roles: readonly string[];
};

/** An open door, and the directory whose keys its tokens are signed with. */
export type TokenDoor = Awaited<ReturnType<typeof startTokenDoor>>;

/** Opens it. */
export async function startTokenDoor() {
  const directory = await startDirectory();
  const key = await directory.addKey("one");
  const folder = mkdtempSync(join(tmpdir(), "token-door-"));
  const caFile = join(folder, "ca.pem");
  const altNames = [{ type: 7, ip: "127.0.0.1" }] as const;
  const made = await generate([{ name: "commonName", value: "door" }], {
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [...altNames] },
    ],
  });
  writeFileSync(caFile, made.cert);
  const normal: TokenPlan = { expiresIn: 3600, validFor: 3600, roles: ["Muster.Use"] };
  const door = { plan: normal, next: [] as TokenPlan[], issued: 0, proofs: [] as string[] };

  const answer = async (form: URLSearchParams): Promise<[number, object]> => {
    const proof = proofIn(form);
    if (proof === undefined)
      return [401, { error: "invalid_client", error_description: "AADSTS7000215: wrong secret" }];
    const { expiresIn, validFor, roles } = door.next.shift() ?? door.plan;
    const seconds = Math.floor(Date.now() / 1000);
    const times = { iat: seconds - 600, nbf: seconds - 600, exp: seconds + validFor };
    const claims = { ...appOnly(directory.issuer), ...times, azp: relayApp.clientId, roles };
    door.issued += 1;
    door.proofs.push(proof);
    const access_token = await sign(claims, key, "one");
    return [200, { token_type: "Bearer", expires_in: expiresIn, access_token }];
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = "";
    for await (const part of request) text += String(part);
    const [status, body] = await answer(new URLSearchParams(text));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const options = { key: made.private, cert: made.cert };
  const server = createServer(options, (request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    directory,
    homeTenantId: home,
    /** Object id of the app in the home tenant. */
    servicePrincipal: robot,
    resource: audience,
    authorityUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caFile,
    /** Plans of the next tokens, before the usual ones; how many were issued, and for what proof. */
    door,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await directory.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What proved that it is the app; undefined when nothing did. */
function proofIn(form: URLSearchParams): string | undefined {
  const assertion = form.get("client_assertion");
  if (assertion !== null)
    return `certificate ${String(decodeProtectedHeader(assertion)["x5t#S256"])}`;
  return form.get("client_secret") === relayApp.secret ? "secret" : undefined;
}
