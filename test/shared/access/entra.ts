/** A directory of a test's own: real keys, real tokens, and an HTTP server for metadata and key set. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

export const home = "11111111-1111-4111-8111-111111111111";
export const person = "22222222-2222-4222-8222-222222222222";
export const client = "33333333-3333-4333-8333-333333333333";
export const robot = "44444444-4444-4444-8444-444444444444";
export const audience = "api://muster";
export const now = Date.UTC(2026, 7, 10, 12);
const nowSeconds = now / 1000;

/** Starts the directory. `requests` counts what it was asked for. */
export async function startDirectory() {
  const published: JWK[] = [];
  const requests = { metadata: 0, keys: 0 };
  let broken = false;
  const server = createServer((request, response) => {
    const url = request.url ?? "";
    if (broken) return void response.writeHead(503).end();
    const [, tenant] = url.split("/");
    response.setHeader("content-type", "application/json");
    if (url.endsWith("/openid-configuration")) {
      requests.metadata += 1;
      response.end(
        JSON.stringify({
          issuer: issuerOf(String(tenant)),
          jwks_uri: `${origin()}/${tenant}/keys`,
        }),
      );
      return undefined;
    }
    requests.keys += 1;
    return void response.end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuerOf = (tenant: string) => `${origin()}/${tenant}/v2.0`;
  return {
    authorityUrl: origin(),
    issuer: issuerOf(home),
    requests,
    break: (value: boolean) => {
      broken = value;
    },
    /** Makes a key and publishes it. */
    async addKey(kid: string, alg = "RS256"): Promise<KeyPair> {
      const pair = await generateKeyPair(alg, { extractable: true });
      published.push({ ...(await exportJWK(pair.publicKey)), kid, use: "sig", alg });
      return pair;
    },
    dropKey: (kid: string) => {
      const at = published.findIndex((key) => key.kid === kid);
      published.splice(at, 1);
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Claims of a person's delegated token. */
export const delegated = (issuer: string): JWTPayload => ({
  iss: issuer,
  aud: audience,
  iat: nowSeconds - 10,
  nbf: nowSeconds - 10,
  exp: nowSeconds + 3600,
  tid: home,
  oid: person,
  sub: "pairwise",
  azp: client,
  scp: "openid Muster.Use",
  preferred_username: "ana@contoso.example",
  ver: "2.0",
});

/** Claims of an app's own token. */
export const appOnly = (issuer: string): JWTPayload => {
  const { scp: _, preferred_username: __, ...rest } = delegated(issuer);
  return { ...rest, oid: robot, sub: robot, roles: ["Muster.Use"] };
};

/** Signs claims as Entra does; `more` goes into the header. */
export const sign = (
  claims: JWTPayload,
  { privateKey }: KeyPair,
  kid: string,
  alg = "RS256",
  more: Readonly<Record<string, unknown>> = {},
) => new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "JWT", ...more }).sign(privateKey);

/** A token that claims to be signed with an HMAC whose secret is the public key. */
export async function signWithPublicKeyAsSecret(claims: JWTPayload, { publicKey }: KeyPair) {
  const secret = new TextEncoder().encode(await exportSPKI(publicKey));
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret);
}

/** A token without a signature. */
export function unsigned(claims: JWTPayload, alg: string): string {
  return `${part({ alg, kid: "one", typ: "JWT" })}.${part(claims)}.`;
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
