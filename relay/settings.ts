/** The relay's settings, read once and checked whole: every wrong one is named at the same time. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { AppCredential } from "../shared/identity/app-token.ts";
import { Address, BaseAddress } from "../shared/kernel/values.ts";
import { goesInPlain } from "../shared/storage/connection.ts";
import type { MusterAuth } from "./muster/muster.ts";
import type { QueueAddress } from "./muster/site-queue.ts";
import type { SiteAuth } from "./site/transport.ts";

// Settings of the relay's sign-in to Muster: a token of its own, or an app registration in Entra.

const publicCloud = "https://login.microsoftonline.com";

/** The settings as the environment has them. */
const SignInEnvironment = {
  RELAY_MUSTER_TOKEN: z.string().min(1).optional(),
  RELAY_AUTHORITY_URL: BaseAddress.default(publicCloud),
  RELAY_HOME_TENANT_ID: z.guid().optional(),
  RELAY_MUSTER_RESOURCE: z.string().min(1).optional(),
  RELAY_CLIENT_ID: z.string().min(1).optional(),
  RELAY_CLIENT_SECRET: z.string().min(1).optional(),
  RELAY_CLIENT_CERTIFICATE_SHA256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, "must be 64 hexadecimal digits")
    .optional(),
  RELAY_CLIENT_CERTIFICATE_KEY_FILE: z.string().min(1).optional(),
};
type Environment = Readonly<Record<string, string | undefined>>;

/** How to sign in, or what is missing for it. */
type SignIn =
  | { readonly kind: "auth"; readonly auth: MusterAuth }
  | { readonly kind: "problem"; readonly problem: string };

const problem = (text: string): SignIn => ({ kind: "problem", problem: text });

/** Chooses the way to sign in: one of the two, and whole. */
function signInOf(env: Environment): SignIn {
  const { RELAY_MUSTER_TOKEN: token, RELAY_CLIENT_ID: clientId } = env;
  if (token !== undefined && clientId !== undefined)
    return problem("RELAY_MUSTER_TOKEN: set it, or RELAY_CLIENT_ID, but not both");
  if (token !== undefined) return { kind: "auth", auth: { kind: "token", token } };
  const { RELAY_HOME_TENANT_ID: homeTenantId, RELAY_MUSTER_RESOURCE: resource } = env;
  if (clientId === undefined || homeTenantId === undefined || resource === undefined)
    return problem(
      "RELAY_MUSTER_TOKEN: set it, or RELAY_CLIENT_ID, RELAY_HOME_TENANT_ID and RELAY_MUSTER_RESOURCE",
    );
  const credential = credentialOf(env);
  if (typeof credential === "string") return problem(credential);
  const authorityUrl = env["RELAY_AUTHORITY_URL"]?.replace(/\/+$/, "") ?? publicCloud;
  const app = { kind: "app", authorityUrl, homeTenantId, clientId, credential, resource } as const;
  return { kind: "auth", auth: app };
}

function credentialOf(env: Environment): AppCredential | string {
  const { RELAY_CLIENT_SECRET: clientSecret, RELAY_CLIENT_CERTIFICATE_KEY_FILE: file } = env;
  if (clientSecret !== undefined) return { kind: "secret", clientSecret };
  const thumbprintSha256 = env["RELAY_CLIENT_CERTIFICATE_SHA256"];
  if (thumbprintSha256 === undefined || file === undefined)
    return "RELAY_CLIENT_SECRET: set it, or RELAY_CLIENT_CERTIFICATE_SHA256 and RELAY_CLIENT_CERTIFICATE_KEY_FILE";
  const privateKey = privateKeyIn(file);
  if (privateKey === undefined)
    return `RELAY_CLIENT_CERTIFICATE_KEY_FILE: ${file} is no private key in PEM`;
  return { kind: "certificate", thumbprintSha256, privateKey };
}

function privateKeyIn(file: string): string | undefined {
  try {
    const pem = readFileSync(file, "utf8");
    createPrivateKey(pem);
    return pem;
  } catch {
    // The reason could quote the key.
    return undefined;
  }
}

const number = (fallback: number) => z.coerce.number().positive().default(fallback);
const whole = (fallback: number, least: number, most: number) =>
  z.coerce.number().int().min(least).max(most).default(fallback);

const Schema = z.object({
  RELAY_MUSTER_URL: BaseAddress,
  ...SignInEnvironment,
  RELAY_TENANT_ID: z.guid().transform((text) => text.toLowerCase()),
  RELAY_SITE_CODE: z
    .string()
    .regex(/^[A-Za-z0-9]{3}$/, "must be a site code of three letters or digits")
    .transform((text) => text.toUpperCase()),
  RELAY_ADMIN_SERVICE_URL: BaseAddress,
  RELAY_ADMIN_SERVICE_AUTH: z.enum(["negotiate", "basic", "none"]).default("negotiate"),
  RELAY_ADMIN_SERVICE_USER: z.string().optional(),
  RELAY_ADMIN_SERVICE_PASSWORD: z.string().optional(),
  RELAY_CURL: z.string().min(1).default("curl"),
  RELAY_QUEUE_URL: Address.optional(),
  RELAY_STORAGE_CONNECTION: z
    .string()
    .refine((text) => !goesInPlain(text), "must reach the account with https")
    .optional(),
  RELAY_HOME: z.string().min(1),
  RELAY_COLLECTION_ID: z.string().min(1).default("SMS00001"),
  RELAY_RANDOMIZATION_WINDOW: whole(0, 0, 1440),
  RELAY_DEVICES_PER_OPERATION: whole(500, 1, 500),
  RELAY_REQUESTS_PER_SECOND: number(20),
  RELAY_IDLE_SECONDS: number(10),
  RELAY_POLL_SECONDS: number(10),
  RELAY_SETTLE_SECONDS: number(30),
  RELAY_TIMEOUT_SECONDS: number(60),
  RELAY_INVENTORY_MINUTES: number(60),
  RELAY_LEASE_SECONDS: whole(180, 1, 3600),
});

/** The name of every setting. */
export const settingNames = Object.keys(Schema.shape);

/** Settings as the relay uses them. */
export type Settings = {
  readonly muster: { readonly url: string; readonly auth: MusterAuth };
  readonly tenantId: string;
  readonly siteCode: string;
  readonly site: {
    readonly url: string;
    readonly auth: SiteAuth;
    readonly timeoutMs: number;
    readonly requestsPerSecond: number;
    readonly collectionId: string;
    readonly randomizationWindow: number;
  };
  readonly queue: QueueAddress;
  readonly home: string;
  readonly devicesPerOperation: number;
  readonly idleMs: number;
  /** Time between the first looks at an operation's status. */
  readonly pollMs: number;
  /** Time after a call without an answer before the site's list says for sure whether it arrived. */
  readonly settleMs: number;
  readonly inventoryMs: number;
  /** How long the site stays ours after we were last heard of. */
  readonly leaseMs: number;
};

type Env = z.output<typeof Schema>;

/** Reads the settings; throws one error that names every wrong one. */
export function readSettings(environment: Environment): Settings {
  // What is set to nothing is not set: that is how setting files leave a choice open.
  const set = Object.entries(environment).filter(
    ([name, text]) => name.startsWith("RELAY_") && text !== undefined && text !== "",
  );
  const given: Environment = Object.fromEntries(set);
  const parsed = Schema.safeParse(given);
  const problems = [
    ...set.flatMap(([name]) =>
      name in Schema.shape ? [] : [`${name}: is no setting of the relay`],
    ),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`),
  ];
  const [signIn, auth, queue] = [signInOf(given), authOf(given), queueOf(given)];
  if (signIn.kind === "problem") problems.push(signIn.problem);
  if (auth === undefined)
    problems.push("RELAY_ADMIN_SERVICE_USER and RELAY_ADMIN_SERVICE_PASSWORD: basic needs both");
  if (queue === undefined) problems.push("RELAY_QUEUE_URL: set it, or RELAY_STORAGE_CONNECTION");
  const env = parsed.data;
  if (env && env.RELAY_LEASE_SECONDS < 2 * env.RELAY_TIMEOUT_SECONDS)
    problems.push("RELAY_LEASE_SECONDS: must be at least twice RELAY_TIMEOUT_SECONDS");
  if (!env || !auth || !queue || signIn.kind === "problem" || problems.length > 0)
    throw new Error(`The relay does not start. Wrong settings:\n- ${problems.join("\n- ")}`);
  return {
    ...settingsOf(env, auth, queue),
    muster: { url: env.RELAY_MUSTER_URL, auth: signIn.auth },
  };
}

function settingsOf(env: Env, auth: SiteAuth, queue: QueueAddress): Omit<Settings, "muster"> {
  return {
    tenantId: env.RELAY_TENANT_ID,
    siteCode: env.RELAY_SITE_CODE,
    site: {
      url: env.RELAY_ADMIN_SERVICE_URL,
      auth,
      timeoutMs: env.RELAY_TIMEOUT_SECONDS * 1000,
      requestsPerSecond: env.RELAY_REQUESTS_PER_SECOND,
      collectionId: env.RELAY_COLLECTION_ID,
      randomizationWindow: env.RELAY_RANDOMIZATION_WINDOW,
    },
    queue,
    home: env.RELAY_HOME,
    devicesPerOperation: env.RELAY_DEVICES_PER_OPERATION,
    idleMs: env.RELAY_IDLE_SECONDS * 1000,
    pollMs: env.RELAY_POLL_SECONDS * 1000,
    settleMs: env.RELAY_SETTLE_SECONDS * 1000,
    inventoryMs: env.RELAY_INVENTORY_MINUTES * 60_000,
    leaseMs: env.RELAY_LEASE_SECONDS * 1000,
  };
}

function authOf(env: Environment): SiteAuth | undefined {
  const kind = env["RELAY_ADMIN_SERVICE_AUTH"] ?? "negotiate";
  if (kind === "none") return { kind };
  if (kind !== "basic") return { kind: "negotiate", curl: env["RELAY_CURL"] ?? "curl" };
  const user = env["RELAY_ADMIN_SERVICE_USER"];
  const password = env["RELAY_ADMIN_SERVICE_PASSWORD"];
  return user && password ? { kind, user, password } : undefined;
}

function queueOf(env: Environment): QueueAddress | undefined {
  const address = env["RELAY_QUEUE_URL"];
  if (address) return { kind: "url", url: address };
  const value = env["RELAY_STORAGE_CONNECTION"];
  return value ? { kind: "connection", value } : undefined;
}
