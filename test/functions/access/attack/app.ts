/** The app in the local host, as an attacker meets it: over HTTP, with a directory that signs what we like. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JWTPayload } from "jose";
import { startHost } from "../../../../local/host/host.ts";
import { startAzurite } from "../../../../local/start/azurite.ts";
import { ensureBuilt } from "../../../../scripts/build.ts";
import type { Scope } from "../../../../shared/access/roles/decide.ts";
import { appOnly, audience, client, delegated, home, sign } from "../../../shared/access/entra.ts";
import { adminToken, openDoor, timesNow } from "../door.ts";
import { type Described, operationsIn } from "./document.ts";
import { stored } from "./stored.ts";

const appDir = fileURLToPath(new URL("../../../..", import.meta.url));

/** What the app signs in with, which no caller knows. */
export const clientSecret = "a secret of this test";

/** A second tenant whose people may call. */
export const secondHome = "55555555-5555-4555-8555-555555555555";

/** What is sent, byte for byte: no client library tidies up paths and headers on the way. */
export type Raw = {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  /** As on the wire; a name may stand there twice. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: unknown;
};

/** What came back. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
};

/** Starts it, beside a door into the same storage for what no caller could do. */
export async function startAttackApp() {
  const [azurite] = await Promise.all([startAzurite({}), ensureBuilt()]);
  const folder = mkdtempSync(join(tmpdir(), "attack-"));
  const keyFile = join(folder, "keys.json");
  const door = await openDoor({ connectionString: azurite.connectionString, keyFile });
  const { directory, key } = door;
  const lines: string[] = [];
  const host = await startHost({
    appDir,
    port: 0,
    log: ({ message }) => void lines.push(message),
    env: {
      AzureWebJobsStorage: azurite.connectionString,
      MUSTER_ADMIN_TOKEN: adminToken,
      MUSTER_HOME_TENANT_IDS: `${home},${secondHome}`,
      MUSTER_AUDIENCES: `${audience},${client}`,
      MUSTER_REQUEST_RATE_FACTOR: "1000",
      MUSTER_AUTHORITY_URL: directory.authorityUrl,
      MUSTER_CLIENT_ID: client,
      MUSTER_KEY_FILE: keyFile,
      MUSTER_CLIENT_SECRET: clientSecret,
      // Nothing is sent in these tests: no queue is read.
      MUSTER_GRAPH_URL: "http://127.0.0.1:9",
    },
  });
  // What is stored must not move by itself while requests are tried on it.
  await host.drain();
  const call = (sent: Raw): Promise<Answer> => send(host.url, sent);
  const { body } = await call({ path: "/api/v1/openapi.json" });
  const operations = operationsIn(body);
  const admin = (method: string, path: string, content?: unknown) =>
    call({ method, path, token: adminToken, ...(content === undefined ? {} : { body: content }) });
  const person = (claims: JWTPayload) =>
    sign({ ...delegated(directory.issuer), ...timesNow(), ...claims }, key, "one");
  return {
    url: host.url,
    connectionString: azurite.connectionString,
    lines,
    door,
    directory,
    key,
    call,
    admin,
    person,
    /** A token of an app's own. */
    robot: (claims: JWTPayload = {}) =>
      sign({ ...appOnly(directory.issuer), ...timesNow(), ...claims }, key, "one"),
    operations: operations as readonly Described[],
    /** A new person with a role; answers their token. */
    holder: async (roleId: string, ...scopes: readonly Scope[]) => {
      const oid = randomUUID();
      for (const scope of scopes) {
        const principal = { kind: "user", homeTenantId: home, id: oid };
        const given = await admin("POST", "/api/v1/access/assignments", {
          principal,
          roleId,
          scope,
        });
        if (given.status !== 201) throw new Error(given.text);
      }
      return { oid, token: await person({ oid }) };
    },
    stored: () => stored(azurite.connectionString),
    stop: async (): Promise<void> => {
      await host.stop();
      await door.stop();
      await azurite.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type AttackApp = Awaited<ReturnType<typeof startAttackApp>>;

function send(url: string, sent: Raw): Promise<Answer> {
  const { method = "GET", path, token, headers = [], body } = sent;
  const content = body === undefined ? undefined : JSON.stringify(body);
  const pairs = [
    ["host", new URL(url).host],
    ...(token === undefined ? [] : [["authorization", `Bearer ${token}`]]),
    ...(content === undefined
      ? []
      : [
          ["content-type", "application/json"],
          ["content-length", String(Buffer.byteLength(content))],
        ]),
    ...headers,
  ];
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const outgoing = request({ hostname, port, method, path, headers: pairs.flat() });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          text,
          body: parsed(text),
        }),
      );
    });
    outgoing.end(content);
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A list as CSV, or nothing at all.
    return {};
  }
}
