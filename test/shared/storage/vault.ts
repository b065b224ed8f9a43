/**
 * A Key Vault of a test's own: HTTPS, the authentication challenge, versions of one RSA key, wrapping and
 * unwrapping. What Microsoft's client asks of it is answered as the REST reference says.
 */
import {
  constants,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { generate } from "selfsigned";

type Version = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

/** Starts a vault whose key is called `muster`. */
export async function startVault() {
  const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  const versions: Version[] = [];
  const rotate = () => void versions.push(generateKeyPairSync("rsa", { modulusLength: 2048 }));
  rotate();
  let calls = 0;
  const server = createServer({ key, cert }, (request, response) => {
    calls += 1;
    void answer(request, response, versions, keyUrl());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const keyUrl = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}/keys/muster`;
  return {
    keyUrl: keyUrl(),
    rotate,
    calls: () => calls,
    clientOptions: {
      tlsOptions: { ca: cert },
      disableChallengeResourceVerification: true,
      retryOptions: { maxRetries: 0 },
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  versions: readonly Version[],
  keyUrl: string,
): Promise<void> {
  response.setHeader("content-type", "application/json");
  const send = (status: number, body: object) =>
    void response.writeHead(status).end(JSON.stringify(body));
  if (request.headers.authorization === undefined) {
    const challenge =
      'Bearer authorization="https://login.example/t", resource="https://vault.azure.net"';
    response.setHeader("www-authenticate", challenge);
    return send(401, {});
  }
  const [, , , number, verb] = String(request.url).split("?")[0]?.split("/") ?? [];
  const at = number === undefined || number === "" ? versions.length : Number(number);
  const version = versions[at - 1];
  if (version === undefined) return send(404, { error: { code: "KeyNotFound", message: "none" } });
  const kid = `${keyUrl}/${at}`;
  if (request.method === "GET") {
    const operations = ["wrapKey", "unwrapKey"];
    const jwk = { ...version.publicKey.export({ format: "jwk" }), kid, key_ops: operations };
    return send(200, { key: jwk, attributes: { enabled: true } });
  }
  const { value } = JSON.parse(await text(request)) as { value: string };
  try {
    const bytes = crypt(version, String(verb), Buffer.from(value, "base64url"));
    return send(200, { kid, value: bytes.toString("base64url") });
  } catch {
    return send(400, { error: { code: "BadParameter", message: "The parameter is incorrect." } });
  }
}

function crypt({ publicKey, privateKey }: Version, verb: string, bytes: Buffer): Buffer {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const options = { padding, oaepHash: "sha256" };
  return verb === "wrapkey"
    ? publicEncrypt({ key: publicKey, ...options }, bytes)
    : privateDecrypt({ key: privateKey, ...options }, bytes);
}
