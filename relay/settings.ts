/** The relay's settings, read once and checked whole: every wrong one is named at the same time. */
import { z } from "zod";
import type { MusterAuth } from "./muster-token.ts";
import { SignInEnvironment, signInOf } from "./sign-in-settings.ts";

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));
const number = (fallback: number) => z.coerce.number().positive().default(fallback);
const whole = (fallback: number, least: number, most: number) =>
  z.coerce.number().int().min(least).max(most).default(fallback);

const Schema = z.object({
  RELAY_MUSTER_URL: url,
  ...SignInEnvironment,
  RELAY_TENANT_ID: z.guid().transform((text) => text.toLowerCase()),
  RELAY_SITE_CODE: z
    .string()
    .regex(/^[A-Za-z0-9]{3}$/, "must be a site code of three letters or digits")
    .transform((text) => text.toUpperCase()),
  RELAY_ADMIN_SERVICE_URL: url,
  RELAY_ADMIN_SERVICE_AUTH: z.enum(["negotiate", "basic", "none"]).default("negotiate"),
  RELAY_ADMIN_SERVICE_USER: z.string().optional(),
  RELAY_ADMIN_SERVICE_PASSWORD: z.string().optional(),
  RELAY_CURL: z.string().min(1).default("curl"),
  RELAY_QUEUE_URL: url.optional(),
  RELAY_STORAGE_CONNECTION: z.string().optional(),
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

/** How AdminService learns who asks. */
export type SiteAuth =
  | { readonly kind: "negotiate"; readonly curl: string }
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  | { readonly kind: "none" };

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

/** Where the site's queue is: its own address with a SAS, or an account's connection string. */
export type QueueAddress =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "connection"; readonly value: string };

type Env = z.output<typeof Schema>;
type Environment = Readonly<Record<string, string | undefined>>;

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
