/** App-only tokens for Graph, from MSAL's client credentials flow, one application per tenant. */
import { ConfidentialClientApplication } from "@azure/msal-node";
import { LRUCache } from "lru-cache";
import { systemClock } from "../kernel/clock.ts";
import { identityCredential } from "../storage/connection.ts";
import { authorityOf, straightNetwork } from "./network.ts";

/** How the app proves itself to Entra. */
export type AppCredential =
  | { readonly kind: "secret"; readonly clientSecret: string }
  | {
      readonly kind: "certificate";
      readonly thumbprintSha256: string;
      readonly privateKey: string;
    }
  /** A managed identity that the app registration trusts (a federated credential): there is no secret at all. */
  | { readonly kind: "identity"; readonly identityClientId: string };

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

  const proof = proofOf(options);

  const applicationOf = (tenantId: string): ConfidentialClientApplication => {
    const known = applications.get(tenantId);
    if (known) return known;
    const application = new ConfidentialClientApplication({
      system: { networkClient: straightNetwork },
      auth: {
        clientId: options.clientId,
        ...authorityOf(options.authorityUrl, tenantId),
        ...proof,
      },
    });
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

/** How the app proves itself, in MSAL's words. */
function proofOf({ credential, authorityUrl }: IdentityOptions) {
  switch (credential.kind) {
    case "secret":
      return { clientSecret: credential.clientSecret };
    case "certificate": {
      const { thumbprintSha256, privateKey } = credential;
      return { clientCertificate: { thumbprintSha256, privateKey } };
    }
    case "identity":
      return { clientAssertion: assertionOf(credential.identityClientId, authorityUrl) };
  }
}

/** Whom a managed identity's token must be for to be taken as an app's proof; each sovereign cloud has a name of its own. */
const exchanges: Readonly<Record<string, string>> = {
  "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
  "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
};

/** Answers the identity's own token, which its library keeps while it is good. */
function assertionOf(identityClientId: string, authorityUrl: string): () => Promise<string> {
  const exchange = exchanges[new URL(authorityUrl).host] ?? "api://AzureADTokenExchange";
  let credential: ReturnType<typeof identityCredential> | undefined;
  return async () => {
    credential ??= identityCredential(identityClientId);
    const answer = await (await credential).getToken(`${exchange}/.default`);
    if (answer === null) throw new Error("the managed identity has no token");
    return answer.token;
  };
}
