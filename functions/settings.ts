/** The app's settings, read once and checked whole: every wrong one is named at the same time. */

import { createPrivateKey } from "node:crypto";
import * as z from "zod";
import type { FirstAdministrator } from "../shared/access/roles/granted.ts";
import type { ConsoleSignIn } from "../shared/http/console-files.ts";
import { isOrigin } from "../shared/http/reply.ts";
import type { AppCredential } from "../shared/identity/app-token.ts";
import { BaseAddress, Guid } from "../shared/kernel/values.ts";
import { type PartnerKind, partnerKinds } from "../shared/registration/partner/relationship.ts";
import { connectionOf, goesInPlain, type StorageConnection } from "../shared/storage/connection.ts";
import type { TelemetryTarget } from "../shared/telemetry/listen.ts";

// Settings of sign-in and access: who may call, which tokens are theirs, and how secrets are sealed.

const list = z.string().transform((text) => text.split(",").map((each) => each.trim()));

/** Printed in the example file once: whoever copied it shares it with everybody. */
const printed = "at-least-32-characters-of-your-own-choosing";

/** Most characters that may repeat themselves to the end: fewer are guessed. */
const maxPeriod = 16;

/** Only what a header carries, and nothing that a person types to fill the length. */
const AdminToken = z
  .string()
  .regex(/^[\w.~+/=-]{32,4096}$/, {
    abort: true,
    error: "needs 32 characters or more that a header carries, without spaces",
  })
  .refine(
    (text) => text !== printed && new Set(text).size >= 8 && !repeats(text),
    "can be guessed: take the answer of openssl rand -hex 32",
  );

/** Whether a text is a short one again and again. */
function repeats(text: string): boolean {
  for (let period = 1; period <= maxPeriod; period += 1)
    if (text.slice(period) === text.slice(0, -period)) return true;
  return false;
}

/** The settings as the environment has them. */
const AccessEnvironment = {
  MUSTER_ADMIN_TOKEN: AdminToken.optional(),
  MUSTER_HOME_TENANT_IDS: list.pipe(z.array(Guid).min(1)).optional(),
  MUSTER_AUDIENCES: list.pipe(z.array(z.string().min(1)).min(1)).optional(),
  MUSTER_API_SCOPE: z.string().min(1).default("Muster.Use"),
  MUSTER_APP_ROLE: z.string().min(1).default("Muster.Use"),
  MUSTER_FIRST_ADMIN: Guid.optional(),
  MUSTER_KEY_FILE: z.string().min(1).optional(),
  MUSTER_KEY_VAULT_KEY_URL: z.url({ protocol: /^https$/ }).optional(),
  MUSTER_ALLOWED_ORIGINS: list
    .pipe(z.array(z.string().refine(isOrigin, "is not an origin such as https://muster.example")))
    .default([]),
  MUSTER_REQUEST_RATE_FACTOR: z.coerce.number().positive().default(1),
};
const AccessSchema = z.object({ ...AccessEnvironment, MUSTER_CLIENT_ID: z.string() });

/** Access settings as the app uses them. */
export type AccessSettings = {
  /** Whoever presents it is the bootstrap administrator; absent, nobody is. */
  readonly adminToken: string | undefined;
  readonly homeTenantIds: readonly string[];
  readonly audiences: readonly string[];
  readonly delegatedScope: string;
  readonly appRole: string;
  readonly first: FirstAdministrator | undefined;
  readonly sealing: Sealing | undefined;
  /** Whose pages may call from a browser. */
  readonly allowedOrigins: readonly string[];
  /** Times the table of request rates. */
  readonly rateFactor: number;
};

/** Where the key that seals secrets is kept. */
export type Sealing =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "vault"; readonly keyUrl: string };

/** The access settings of an environment that has passed every check. */
function accessSettings(env: z.output<typeof AccessSchema>): AccessSettings {
  const { MUSTER_HOME_TENANT_IDS: homeTenantIds = [], MUSTER_FIRST_ADMIN: id } = env;
  const [homeTenantId] = homeTenantIds;
  return {
    adminToken: env.MUSTER_ADMIN_TOKEN,
    homeTenantIds,
    audiences: env.MUSTER_AUDIENCES ?? [env.MUSTER_CLIENT_ID, `api://${env.MUSTER_CLIENT_ID}`],
    delegatedScope: env.MUSTER_API_SCOPE,
    appRole: env.MUSTER_APP_ROLE,
    first: id === undefined || homeTenantId === undefined ? undefined : { homeTenantId, id },
    sealing: sealingOf(env),
    allowedOrigins: env.MUSTER_ALLOWED_ORIGINS,
    rateFactor: env.MUSTER_REQUEST_RATE_FACTOR,
  };
}

function sealingOf(env: z.output<typeof AccessSchema>): Sealing | undefined {
  const { MUSTER_KEY_FILE: path, MUSTER_KEY_VAULT_KEY_URL: keyUrl } = env;
  if (keyUrl !== undefined) return { kind: "vault", keyUrl };
  return path === undefined ? undefined : { kind: "file", path };
}

/** What is wrong between access settings that are right by themselves. */
function accessProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const given = (name: string): boolean => env[name] !== undefined;
  const wrong: readonly (readonly [boolean, string])[] = [
    [
      !given("MUSTER_HOME_TENANT_IDS") && !given("MUSTER_ADMIN_TOKEN"),
      "MUSTER_HOME_TENANT_IDS: nobody could sign in without it, or MUSTER_ADMIN_TOKEN",
    ],
    [
      given("MUSTER_FIRST_ADMIN") && !given("MUSTER_HOME_TENANT_IDS"),
      "MUSTER_FIRST_ADMIN: needs MUSTER_HOME_TENANT_IDS; it is looked up in the first of them",
    ],
    [
      given("MUSTER_CLIENT_IDENTITY_ID") &&
        !given("MUSTER_KEY_FILE") &&
        !given("MUSTER_KEY_VAULT_KEY_URL"),
      "MUSTER_CLIENT_IDENTITY_ID: needs MUSTER_KEY_VAULT_KEY_URL, which seals what paging tokens are sealed with",
    ],
    [
      given("MUSTER_KEY_FILE") && given("MUSTER_KEY_VAULT_KEY_URL"),
      "MUSTER_KEY_FILE: leave it out, or MUSTER_KEY_VAULT_KEY_URL",
    ],
  ];
  return wrong.flatMap(([is, problem]) => (is ? [problem] : []));
}

const dayMs = 24 * 3600 * 1000;
const seconds = (fallback: number) => z.coerce.number().positive().default(fallback);
/** How long something is kept: days, or for ever. */
const days = (fallback: number, least: number) =>
  z
    .union([z.literal("forever").transform(() => Number.POSITIVE_INFINITY), z.coerce.number()], {
      error: 'must be a number of days, or "forever"',
    })
    .refine((count) => count >= least, `must be at least ${least} days`)
    .default(fallback);
/** Looked at roughly: the storage library would complain about the rest at the first request only. */
const connectionString = z
  .string()
  .regex(/^UseDevelopmentStorage=true|(^|;)(AccountKey|SharedAccessSignature)=./i, {
    error: "is not a connection string of a storage account",
  })
  .refine((text) => !goesInPlain(text), "must reach the account with https");

const Environment = z.object({
  AzureWebJobsStorage: connectionString.optional(),
  AzureWebJobsStorage__accountName: z.string().min(3).optional(),
  AzureWebJobsStorage__clientId: z.string().optional(),
  ...AccessEnvironment,
  MUSTER_PUBLIC_URL: BaseAddress.optional(),
  MUSTER_CONSOLE_CLIENT_ID: z.string().min(1).optional(),
  MUSTER_CONSOLE_LOCAL_AUTHORITY: BaseAddress.refine(
    (text) => URL.parse(text)?.protocol === "http:",
    "must be a plain address of this machine",
  ).optional(),
  MUSTER_GRAPH_URL: BaseAddress,
  MUSTER_AUTHORITY_URL: BaseAddress,
  MUSTER_PARTNER_CENTER_URL: BaseAddress.optional(),
  MUSTER_PARTNER_KIND: z.enum(partnerKinds).default("customer"),
  MUSTER_CLIENT_ID: z.string().min(1),
  MUSTER_SIGN_IN_CLIENT_ID: z.string().min(1).optional(),
  MUSTER_CLIENT_SECRET: z.string().min(1).optional(),
  MUSTER_CLIENT_CERTIFICATE_SHA256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, "must be 64 hexadecimal digits")
    .optional(),
  MUSTER_CLIENT_CERTIFICATE_KEY: z
    .string()
    .transform((text) => text.replaceAll("\\n", "\n"))
    .refine(isPrivateKey, "must be a private key in PEM")
    .optional(),
  MUSTER_CLIENT_IDENTITY_ID: Guid.optional(),
  MUSTER_CONFIRM_AFTER_SECONDS: z.coerce.number().min(0).default(30),
  MUSTER_CLAIM_SECONDS: seconds(120),
  MUSTER_GRAPH_TIMEOUT_SECONDS: seconds(60),
  MUSTER_OVERDUE_SECONDS: seconds(300),
  MUSTER_KEEP_NOTIFICATIONS_DAYS: days(400, 31),
  MUSTER_KEEP_SYNCS_DAYS: days(90, 14),
  MUSTER_KEEP_DEAD_LETTERS_DAYS: days(90, 1),
  MUSTER_WEBHOOKS_TO_LOOPBACK: z.stringbool().default(false),
  MUSTER_TELEMETRY: z
    .string()
    .regex(/^(off|azure|file:.+)$/, 'must be "off", "azure", or "file:" and a path')
    .default("off"),
  APPLICATIONINSIGHTS_CONNECTION_STRING: z.string().optional(),
});

/** Settings as the app uses them. */
export type Settings = {
  readonly storage: StorageConnection;
  readonly access: AccessSettings;
  /** Where callers reach the app, if a front end stands before it; what follows it begins with `/api/v1`. */
  readonly publicUrl?: string | undefined;
  /** Where people sign in to the console; absent, there is none. */
  readonly console?: ConsoleSignIn | undefined;
  readonly graphUrl: string;
  readonly authorityUrl: string;
  /** Where Partner Center answers; absent, nothing goes there. */
  readonly partnerCenterUrl?: string | undefined;
  /** What this installation is to the tenants that are registered with it. */
  readonly partnerKind?: PartnerKind | undefined;
  readonly clientId: string;
  /** The app that people sign in with for a tenant: a public client; where it is not named, the same. */
  readonly signInClientId?: string | undefined;
  readonly credential: AppCredential;
  /** Time from sending to the first reading back of a device. */
  readonly confirmAfterMs: number;
  /** How long a claim on devices holds before another worker may read them back. */
  readonly claimMs: number;
  readonly graphTimeoutMs: number;
  /** How far behind work must be before its message counts as lost. */
  readonly overdueMs: number;
  /** How long notifications and refreshes are kept, syncs, and messages that were set aside. */
  readonly keepMs: Readonly<Record<"notifications" | "syncs" | "deadLetters", number>>;
  /** Whether webhooks may lead to this very machine. */
  readonly webhooksToLoopback?: boolean | undefined;
  /** Where spans and metrics go; absent: nowhere, and none are made. */
  readonly telemetry?: TelemetryTarget | undefined;
};

/** Reads the settings; throws one error that names every wrong one. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  // What is set to nothing is not set: that is how setting files leave a choice open.
  const given = Object.fromEntries(Object.entries(environment).filter(([, text]) => text !== ""));
  const parsed = Environment.safeParse(given);
  const env = parsed.data;
  const storage = connectionOf(given);
  const credential = credentialOf(given);
  const problems = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`),
    ...problemsBetween(given),
    ...accessProblems(given),
  ];
  if (storage === undefined)
    problems.push("AzureWebJobsStorage: set it, or AzureWebJobsStorage__accountName");
  if (credential === undefined)
    problems.push(
      "MUSTER_CLIENT_SECRET: set it, or MUSTER_CLIENT_CERTIFICATE_SHA256 and MUSTER_CLIENT_CERTIFICATE_KEY, or MUSTER_CLIENT_IDENTITY_ID",
    );
  if (!env || !storage || !credential || problems.length > 0)
    throw new Error(`Muster does not start. Wrong settings:\n- ${problems.join("\n- ")}`);
  return {
    storage,
    credential,
    access: accessSettings(env),
    publicUrl: env.MUSTER_PUBLIC_URL,
    console: consoleOf(env),
    graphUrl: env.MUSTER_GRAPH_URL,
    authorityUrl: env.MUSTER_AUTHORITY_URL,
    partnerCenterUrl: env.MUSTER_PARTNER_CENTER_URL,
    partnerKind: env.MUSTER_PARTNER_KIND,
    clientId: env.MUSTER_CLIENT_ID,
    signInClientId: env.MUSTER_SIGN_IN_CLIENT_ID,
    confirmAfterMs: env.MUSTER_CONFIRM_AFTER_SECONDS * 1000,
    claimMs: env.MUSTER_CLAIM_SECONDS * 1000,
    graphTimeoutMs: env.MUSTER_GRAPH_TIMEOUT_SECONDS * 1000,
    overdueMs: env.MUSTER_OVERDUE_SECONDS * 1000,
    keepMs: {
      notifications: env.MUSTER_KEEP_NOTIFICATIONS_DAYS * dayMs,
      syncs: env.MUSTER_KEEP_SYNCS_DAYS * dayMs,
      deadLetters: env.MUSTER_KEEP_DEAD_LETTERS_DAYS * dayMs,
    },
    webhooksToLoopback: env.MUSTER_WEBHOOKS_TO_LOOPBACK,
    telemetry: telemetryOf(env),
  };
}

function telemetryOf(env: z.output<typeof Environment>): TelemetryTarget | undefined {
  const { MUSTER_TELEMETRY: where, APPLICATIONINSIGHTS_CONNECTION_STRING: insights } = env;
  if (where.startsWith("file:")) return { kind: "file", path: where.slice("file:".length) };
  return where === "azure" ? { kind: "azure", connectionString: insights ?? "" } : undefined;
}

/** People of one directory sign in there; those of several say which one is theirs. */
function consoleOf(env: z.output<typeof Environment>): ConsoleSignIn | undefined {
  const { MUSTER_CONSOLE_CLIENT_ID: clientId, MUSTER_CONSOLE_LOCAL_AUTHORITY: local } = env;
  if (clientId === undefined) return undefined;
  const { homeTenantIds, audiences, delegatedScope } = accessSettings(env);
  const [directory = "organizations", ...others] = homeTenantIds;
  const path = others.length > 0 ? "/organizations" : `/${directory}`;
  return {
    clientId,
    authority: env.MUSTER_AUTHORITY_URL + path,
    localAuthority: local === undefined ? "" : local + path,
    // A scope may name the API by its client id, whatever identifiers its registration has.
    scope: `${audiences[0]}/${delegatedScope}`,
  };
}

type Env = Readonly<Record<string, string | undefined>>;

const Between = Environment.pick({
  MUSTER_GRAPH_TIMEOUT_SECONDS: true,
  MUSTER_CLAIM_SECONDS: true,
  MUSTER_WEBHOOKS_TO_LOOPBACK: true,
});

/** What is wrong between settings that are right by themselves, whatever else is wrong. */
function problemsBetween(env: Env): string[] {
  const { data } = Between.safeParse(env);
  const waitsTooLong = data && data.MUSTER_GRAPH_TIMEOUT_SECONDS >= data.MUSTER_CLAIM_SECONDS;
  const isInAzure = env["WEBSITE_SITE_NAME"] !== undefined;
  const isShared = data?.MUSTER_WEBHOOKS_TO_LOOPBACK && isInAzure;
  return [
    ...(waitsTooLong
      ? ["MUSTER_GRAPH_TIMEOUT_SECONDS: must be less than MUSTER_CLAIM_SECONDS"]
      : []),
    ...(env["MUSTER_TELEMETRY"] === "azure" && !env["APPLICATIONINSIGHTS_CONNECTION_STRING"]
      ? ["MUSTER_TELEMETRY: azure needs APPLICATIONINSIGHTS_CONNECTION_STRING"]
      : []),
    ...(env["MUSTER_CONSOLE_LOCAL_AUTHORITY"] !== undefined && isInAzure
      ? ["MUSTER_CONSOLE_LOCAL_AUTHORITY: is for one machine only, not for Azure"]
      : []),
    // What listens there in Azure is the platform's.
    ...(isShared ? ["MUSTER_WEBHOOKS_TO_LOOPBACK: is for one machine only, not for Azure"] : []),
  ];
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    // OpenSSL's own words help nobody here, and could quote the key.
    return false;
  }
}

function credentialOf(env: Env): AppCredential | undefined {
  const clientSecret = env["MUSTER_CLIENT_SECRET"];
  if (clientSecret) return { kind: "secret", clientSecret };
  const thumbprintSha256 = env["MUSTER_CLIENT_CERTIFICATE_SHA256"];
  const privateKey = env["MUSTER_CLIENT_CERTIFICATE_KEY"];
  const identityClientId = env["MUSTER_CLIENT_IDENTITY_ID"];
  if (!thumbprintSha256 || !privateKey)
    return identityClientId ? { kind: "identity", identityClientId } : undefined;
  return { kind: "certificate", thumbprintSha256, privateKey: privateKey.replaceAll("\\n", "\n") };
}
