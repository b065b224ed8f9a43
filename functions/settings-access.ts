/** Settings of sign-in and access: who may call, which tokens are theirs, and how secrets are sealed. */
import { z } from "zod";
import type { FirstAdministrator } from "../shared/access/first-administrator.ts";
import { isOrigin } from "../shared/http/origins.ts";
import { Guid } from "../shared/kernel/values.ts";

const list = z.string().transform((text) => text.split(",").map((each) => each.trim()));

/** The settings as the environment has them. */
export const AccessEnvironment = {
  MUSTER_ADMIN_TOKEN: z.string().min(32, "needs at least 32 characters").optional(),
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
const Environment = z.object({ ...AccessEnvironment, MUSTER_CLIENT_ID: z.string() });

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
export function accessSettings(env: z.output<typeof Environment>): AccessSettings {
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

function sealingOf(env: z.output<typeof Environment>): Sealing | undefined {
  const { MUSTER_KEY_FILE: path, MUSTER_KEY_VAULT_KEY_URL: keyUrl } = env;
  if (keyUrl !== undefined) return { kind: "vault", keyUrl };
  return path === undefined ? undefined : { kind: "file", path };
}

/** What is wrong between access settings that are right by themselves. */
export function accessProblems(env: Readonly<Record<string, string | undefined>>): string[] {
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
      given("MUSTER_KEY_FILE") && given("MUSTER_KEY_VAULT_KEY_URL"),
      "MUSTER_KEY_FILE: leave it out, or MUSTER_KEY_VAULT_KEY_URL",
    ],
  ];
  return wrong.flatMap(([is, problem]) => (is ? [problem] : []));
}
