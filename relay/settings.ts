/** The relay's settings, read once and checked whole: every wrong one is named at the same time. */
import { z } from "zod";

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));
const number = (fallback: number) => z.coerce.number().positive().default(fallback);
const whole = (fallback: number, most: number) =>
  z.coerce.number().int().min(0).max(most).default(fallback);

const Environment = z.object({
  RELAY_MUSTER_URL: url,
  RELAY_MUSTER_TOKEN: z.string().min(1),
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
  RELAY_RANDOMIZATION_WINDOW: whole(0, 1440),
  RELAY_DEVICES_PER_OPERATION: whole(500, 500),
  RELAY_REQUESTS_PER_SECOND: number(20),
  RELAY_IDLE_SECONDS: number(10),
  RELAY_POLL_SECONDS: number(10),
  RELAY_SETTLE_SECONDS: number(30),
  RELAY_TIMEOUT_SECONDS: number(60),
  RELAY_INVENTORY_MINUTES: number(60),
});

/** How AdminService learns who asks. */
export type SiteAuth =
  | { readonly kind: "negotiate"; readonly curl: string }
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  | { readonly kind: "none" };

/** Settings as the relay uses them. */
export type Settings = {
  readonly muster: { readonly url: string; readonly token: string };
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
};

/** Where the site's queue is: its own address with a SAS, or an account's connection string. */
export type QueueAddress =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "connection"; readonly value: string };

type Env = z.output<typeof Environment>;

/** Reads the settings; throws one error that names every wrong one. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = Environment.safeParse(environment);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  const auth = authOf(environment);
  const queue = queueOf(environment);
  if (auth === undefined)
    problems.push("RELAY_ADMIN_SERVICE_USER and RELAY_ADMIN_SERVICE_PASSWORD: basic needs both");
  if (queue === undefined) problems.push("RELAY_QUEUE_URL: set it, or RELAY_STORAGE_CONNECTION");
  if (!parsed.success || !auth || !queue || problems.length > 0)
    throw new Error(`The relay does not start. Wrong settings:\n- ${problems.join("\n- ")}`);
  return settingsOf(parsed.data, auth, queue);
}

function settingsOf(env: Env, auth: SiteAuth, queue: QueueAddress): Settings {
  return {
    muster: { url: env.RELAY_MUSTER_URL, token: env.RELAY_MUSTER_TOKEN },
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
    devicesPerOperation: Math.max(1, env.RELAY_DEVICES_PER_OPERATION),
    idleMs: env.RELAY_IDLE_SECONDS * 1000,
    pollMs: env.RELAY_POLL_SECONDS * 1000,
    settleMs: env.RELAY_SETTLE_SECONDS * 1000,
    inventoryMs: env.RELAY_INVENTORY_MINUTES * 60_000,
  };
}

function authOf(env: Readonly<Record<string, string | undefined>>): SiteAuth | undefined {
  const kind = env["RELAY_ADMIN_SERVICE_AUTH"] ?? "negotiate";
  if (kind === "none") return { kind };
  if (kind !== "basic") return { kind: "negotiate", curl: env["RELAY_CURL"] ?? "curl" };
  const user = env["RELAY_ADMIN_SERVICE_USER"];
  const password = env["RELAY_ADMIN_SERVICE_PASSWORD"];
  return user && password ? { kind, user, password } : undefined;
}

function queueOf(env: Readonly<Record<string, string | undefined>>): QueueAddress | undefined {
  const address = env["RELAY_QUEUE_URL"];
  if (address) return { kind: "url", url: address };
  const value = env["RELAY_STORAGE_CONNECTION"];
  return value ? { kind: "connection", value } : undefined;
}
