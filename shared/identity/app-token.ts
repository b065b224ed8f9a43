/** App-only tokens for Graph, from MSAL's client credentials flow, one application per tenant. */
import { ConfidentialClientApplication } from "@azure/msal-node";
import { LRUCache } from "lru-cache";
import { systemClock } from "../kernel/clock.ts";
import { authorityOf, straightNetwork } from "./network.ts";

/** How the app proves itself to Entra. */
export type AppCredential =
  | { readonly kind: "secret"; readonly clientSecret: string }
  | {
      readonly kind: "certificate";
      readonly thumbprintSha256: string;
      readonly privateKey: string;
    };

/** Where and as whom to sign in. */
type IdentityOptions = {
  /** `https://login.microsoftonline.com`, or another cloud's, from the settings. */
  readonly authorityUrl: string;
  readonly clientId: string;
  readonly credential: AppCredential;
  /** Resource whose `/.default` permissions the token carries. */
  readonly resource: string;
};

/** Most tenants whose tokens are kept in memory. */
const maxTenants = 500;
/** MSAL looks through its cache for every request, which takes longer than the request. */
const rememberedMs = 60_000;
/** MSAL asks for the next token so long before the end: what is remembered does not outlast that. */
const renewedMs = 300_000;

/**
 * Answers tokens for a tenant. MSAL keeps them until shortly before they expire; `fresh` bypasses
 * that, for when Graph refused one. Each tenant has an application object of its own, because MSAL's
 * cache would otherwise mix tenants.
 */
export function appTokens(options: IdentityOptions) {
  const applications = new LRUCache<string, ConfidentialClientApplication>({ max: maxTenants });
  const remembered = new LRUCache<string, string>({ max: maxTenants, ttl: rememberedMs });

  const applicationOf = (tenantId: string): ConfidentialClientApplication => {
    const known = applications.get(tenantId);
    if (known) return known;
    const application = new ConfidentialClientApplication(configurationFor(options, tenantId));
    applications.set(tenantId, application);
    return application;
  };

  return async (tenantId: string, fresh: boolean): Promise<string> => {
    const known = fresh ? undefined : remembered.get(tenantId);
    if (known !== undefined) return known;
    const answer = await applicationOf(tenantId).acquireTokenByClientCredential({
      scopes: [`${options.resource}/.default`],
      skipCache: fresh,
    });
    // Somebody else's JSON passes the library without an error, and without a token.
    if (!answer?.accessToken) throw new Error(`the answer for tenant ${tenantId} has no token`);
    const leftMs = (answer.expiresOn?.getTime() ?? 0) - renewedMs - systemClock.now();
    if (leftMs > 0)
      remembered.set(tenantId, answer.accessToken, { ttl: Math.min(rememberedMs, leftMs) });
    return answer.accessToken;
  };
}

function configurationFor({ authorityUrl, clientId, credential }: IdentityOptions, tenant: string) {
  return {
    system: { networkClient: straightNetwork },
    auth: {
      clientId,
      ...authorityOf(authorityUrl, tenant),
      ...(credential.kind === "secret"
        ? { clientSecret: credential.clientSecret }
        : {
            clientCertificate: {
              thumbprintSha256: credential.thumbprintSha256,
              privateKey: credential.privateKey,
            },
          }),
    },
  };
}
