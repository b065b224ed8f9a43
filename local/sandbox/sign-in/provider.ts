/**
 * One tenant's sign-in: a certified OpenID provider that speaks with Entra's addresses, claims and
 * errors. The provider checks the client and signs; this file only translates.
 */
import { errors, Provider, type ProviderContext, type UnsignedToken } from "oidc-provider";
import { guidFamily } from "../guids.ts";
import type { Tenant } from "../tenants.ts";
import type { App, Apps } from "./apps.ts";
import * as entra from "./entra-errors.ts";
import type { SignInHome } from "./home.ts";
import { memoryAdapter } from "./memory-adapter.ts";

/** What every tenant's provider is made with. */
export type ProviderParts = {
  /** `https://127.0.0.1:1234`. */
  readonly origin: string;
  readonly home: SignInHome;
  readonly apps: Apps;
  /** Audiences that tokens can be asked for: Graph's well-known one and this stand-in's address. */
  readonly audiences: readonly string[];
};

/** Entra's tokens last a little over an hour; this many seconds is what MSAL is told. */
const tokenSeconds = 3_599;
const defaultScope = "/.default";

/** Makes the provider of one tenant. Its routes are below `/{tenant}`. */
export function makeProvider(parts: ProviderParts, tenant: Tenant): Provider {
  const { home, apps, audiences } = parts;
  const provider = new Provider(`${parts.origin}/${tenant.id}/v2.0`, {
    clients: apps.all().map(client),
    clientAuthMethods: ["client_secret_post"],
    jwks: { keys: [home.signingKey] },
    adapter: memoryAdapter(),
    ttl: { ClientCredentials: tokenSeconds },
    cookies: { keys: [home.clientSecret] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: resourceIndicators(audiences),
    },
    routes: { token: "/oauth2/v2.0/token", jwks: "/discovery/v2.0/keys" },
    formats: {
      customizers: {
        jwt: (_ctx: ProviderContext, _token: unknown, jwt: UnsignedToken) =>
          entraClaims(jwt, tenant),
      },
    },
  });
  return provider.use((ctx, next) => entraAnswer(ctx, next, parts));
}

function client({ clientId, secret }: App): object {
  return {
    client_id: clientId,
    client_secret: secret,
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: "client_secret_post",
  };
}

function resourceIndicators(audiences: readonly string[]): object {
  return {
    enabled: true,
    defaultResource: (ctx: ProviderContext) => resourceOf(ctx, audiences),
    getResourceServerInfo: (_ctx: ProviderContext, resource: string) => ({
      scope: "",
      audience: resource,
      accessTokenTTL: tokenSeconds,
      accessTokenFormat: "jwt",
      jwt: { sign: { alg: "RS256" } },
    }),
  };
}

/** Entra names the resource within the scope; the provider wants it as a resource indicator. */
function resourceOf(ctx: ProviderContext, audiences: readonly string[]): string {
  const scope = ctx.oidc?.params?.["scope"] ?? "";
  if (!scope.endsWith(defaultScope)) throw new errors.InvalidScope("no /.default", scope);
  const resource = scope.slice(0, -defaultScope.length);
  if (!audiences.includes(resource)) throw new errors.InvalidTarget(resource);
  return resource;
}

function entraClaims(jwt: UnsignedToken, tenant: Tenant): void {
  const { aud, iss, iat, exp, client_id: appId, jti } = jwt.payload;
  // The service principal: what stands for the app within this tenant.
  const oid = guidFamily(tenant.fleet.seed).at(0);
  const roles = tenant.roles.length === 0 ? {} : { roles: tenant.roles };
  const app = { appid: appId, azp: appId, appidacr: "1", azpacr: "1", idtyp: "app" };
  const times = { iat, nbf: iat, exp };
  jwt.header = { typ: "JWT" };
  jwt.payload = {
    aud,
    iss,
    ...times,
    ...app,
    oid,
    sub: oid,
    tid: tenant.id,
    ...roles,
    uti: jti,
    ver: "2.0",
  };
}

async function entraAnswer(
  ctx: ProviderContext,
  next: () => Promise<void>,
  parts: ProviderParts,
): Promise<void> {
  await next();
  const body = ctx.body as Readonly<Record<string, string | number>> | undefined;
  if (!ctx.path.endsWith("/token")) return;
  if (typeof body?.["error"] !== "string") {
    // Entra says twice how long the token lasts, and MSAL reads both.
    if (body !== undefined) ctx.body = { ...body, ext_expires_in: body["expires_in"] };
    return;
  }
  const fault = faultOf(ctx, body["error"], String(body["error_description"] ?? ""), parts.apps);
  const correlation = ctx.oidc?.params?.["client-request-id"];
  ctx.status = fault.status;
  ctx.body = entra.entraError(fault, correlation);
}

function faultOf(ctx: ProviderContext, error: string, text: string, apps: Apps): entra.EntraFault {
  const { client_id: clientId = "", client_secret: secret, scope = "" } = ctx.oidc?.params ?? {};
  switch (error) {
    case "invalid_client":
      if (apps.find(clientId) === undefined) return entra.appMissing(clientId);
      return secret === undefined ? entra.secretMissing : entra.secretWrong(clientId);
    case "invalid_target":
      return entra.resourceMissing(scope);
    case "invalid_scope":
      return entra.scopeWrong(scope);
    default:
      return entra.requestWrong(error, text);
  }
}
