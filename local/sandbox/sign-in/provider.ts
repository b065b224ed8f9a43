/**
 * One directory's sign-in: a certified OpenID provider that speaks with Entra's addresses, claims and
 * errors. The provider checks clients, codes and keys, and signs; the files around it only translate.
 */
import {
  errors,
  type IssuedToken,
  Provider,
  type ProviderContext,
  type UnsignedToken,
} from "oidc-provider";
import type { Directory } from "./directories.ts";
import { answersOf } from "./entra/answers.ts";
import { clientOf } from "./entra/apps.ts";
import { idClaims, writeClaims } from "./entra/claims.ts";
import type { Resource } from "./entra/resources.ts";
import { indicated } from "./entra/scopes.ts";
import type { PageGrants } from "./entra/single-page.ts";
import type { SignInHome } from "./home.ts";
import { memoryAdapter } from "./memory-adapter.ts";
import { failurePage } from "./pages/pages.ts";

/** What every directory's provider is made with. */
export type ProviderParts = {
  /** `https://127.0.0.1:1234`. */
  readonly origin: string;
  readonly home: SignInHome;
  readonly resources: readonly Resource[];
  /** Address of the page where people type the code of a device. */
  readonly devicePage: string;
  /** How long such a code is good for. */
  readonly deviceCodeSeconds: number;
};

/** Entra's tokens last a little over an hour; this many seconds is what MSAL is told. */
const tokenSeconds = 3_599;

/** Addresses below `/{tenant}` that the provider answers. */
export const routes = {
  authorization: "/oauth2/v2.0/authorize",
  device_authorization: "/oauth2/v2.0/devicecode",
  token: "/oauth2/v2.0/token",
  jwks: "/discovery/v2.0/keys",
} as const;

/** Where a person chooses who they are, below `/{tenant}`. */
export const choosePath = "/oauth2/choose/";

/** Makes the provider of one directory. */
export function makeProvider(
  parts: ProviderParts,
  directory: Directory,
  pageGrants: PageGrants,
): Provider {
  const { home, resources } = parts;
  const provider = new Provider(`${parts.origin}/${directory.id}/v2.0`, {
    ...people(directory),
    clients: directory.apps.map(clientOf),
    clientAuthMethods: ["client_secret_post", "none"],
    clientBasedCORS: (_ctx: ProviderContext, origin: string) =>
      ["localhost", "127.0.0.1"].includes(new URL(origin).hostname),
    jwks: { keys: [home.signingKey] },
    adapter: memoryAdapter(),
    cookies: { keys: [home.clientSecret] },
    ttl: lifetimes(parts.deviceCodeSeconds),
    // A page's lasts a day from its sign-in, however often it is used.
    rotateRefreshToken: ({ oidc }: ProviderContext) =>
      !pageGrants.has(oidc.entities.RefreshToken?.grantId ?? ""),
    pkce: { required: () => true },
    responseTypes: ["code"],
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true, charset: "base-20", mask: "*********" },
      resourceIndicators: resourceIndicators(resources),
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    routes,
    formats: {
      customizers: {
        jwt: (_ctx: ProviderContext, token: IssuedToken, jwt: UnsignedToken) =>
          writeClaims(token, jwt, directory, resources),
      },
    },
    renderError: (ctx: ProviderContext, out: { error: string; error_description?: string }) => {
      ctx.type = "html";
      ctx.body = failurePage(`${out.error}: ${out.error_description ?? ""}`);
    },
  });
  // The service vouches for what it says of requests over plain HTTP.
  provider.proxy = true;
  return provider.use(answersOf(provider, directory, { ...parts, pageGrants }));
}

const lifetimes = (deviceCodeSeconds: number): Readonly<Record<string, number>> => ({
  AccessToken: tokenSeconds,
  AuthorizationCode: 600,
  ClientCredentials: tokenSeconds,
  DeviceCode: deviceCodeSeconds,
  Grant: 86_400,
  IdToken: tokenSeconds,
  Interaction: 900,
  RefreshToken: 86_400,
  Session: 900,
});

/** Who signs in, and what they let an app have: whatever it asks for, because nobody has to be asked. */
const people = (directory: Directory) => ({
  findAccount: (_ctx: ProviderContext, accountId: string) => {
    const user = directory.users.find(({ id }) => id === accountId);
    return user && { accountId, claims: () => idClaims(user, directory) };
  },
  claims: { openid: ["sub", "oid", "tid", "ver"], profile: ["name", "preferred_username"] },
  conformIdTokenClaims: false,
  expiresWithSession: () => false,
  issueRefreshToken: () => true,
  interactions: {
    url: (_ctx: ProviderContext, { uid }: { readonly uid: string }) =>
      `/${directory.id}${choosePath}${uid}`,
  },
  loadExistingGrant: async (ctx: ProviderContext) => {
    const { accountId } = ctx.oidc.session;
    const grant = new ctx.oidc.provider.Grant({ accountId, clientId: ctx.oidc.client.clientId });
    const { scope = "", resource = "" } = ctx.oidc.params;
    grant.addOIDCScope(scope);
    grant.addResourceScope(resource, scope);
    await grant.save();
    return grant;
  },
});

const resourceIndicators = (resources: readonly Resource[]): object => ({
  enabled: true,
  getResourceServerInfo: (_ctx: ProviderContext, indicator: string) => {
    const found = indicated(indicator, resources);
    if (found === undefined) throw new errors.InvalidTarget(indicator);
    return {
      scope: found.resource.scopes.join(" "),
      audience: found.resource.audience ?? found.identifier,
      accessTokenTTL: tokenSeconds,
      accessTokenFormat: "jwt",
      jwt: { sign: { alg: "RS256" } },
    };
  },
});
