/** Settings of the relay's sign-in to Muster: a token of its own, or an app registration in Entra. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { AppCredential } from "../shared/identity/app-token.ts";
import type { MusterAuth } from "./muster-token.ts";

const publicCloud = "https://login.microsoftonline.com";
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));

/** The settings as the environment has them. */
export const SignInEnvironment = {
  RELAY_MUSTER_TOKEN: z.string().min(1).optional(),
  RELAY_AUTHORITY_URL: url.default(publicCloud),
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
export type SignIn =
  | { readonly kind: "auth"; readonly auth: MusterAuth }
  | { readonly kind: "problem"; readonly problem: string };

const problem = (text: string): SignIn => ({ kind: "problem", problem: text });

/** Chooses the way to sign in: one of the two, and whole. */
export function signInOf(env: Environment): SignIn {
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
