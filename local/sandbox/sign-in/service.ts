/** The sign-in service: HTTPS on 127.0.0.1, one provider per tenant, made when first asked for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Provider } from "oidc-provider";
import { findTenant, type State } from "../state.ts";
import type { Tenant } from "../tenants.ts";
import type { Apps } from "./apps.ts";
import { entraError, tenantMissing } from "./entra-errors.ts";
import type { SignInHome } from "./home.ts";
import { makeProvider, type ProviderParts } from "./provider.ts";

/** A running service. */
export type SignInService = { readonly authorityUrl: string; readonly stop: () => Promise<void> };

/** Entra's place for a tenant's configuration, and the provider's own. */
const configuration = "/.well-known/openid-configuration";

/** Starts the service. Port 0 takes a free one. */
export async function startSignIn(
  state: State,
  parts: {
    readonly port: number;
    readonly home: SignInHome;
    readonly apps: Apps;
    readonly audiences: readonly string[];
  },
): Promise<SignInService> {
  const { tlsKey: key, tlsCertificate: cert } = parts.home;
  const server = createServer({ key, cert });
  await listen(server, parts.port);
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const providers = providerCache({ ...parts, origin });
  server.on("request", (request, response) => answer(state, providers, request, response));
  return {
    authorityUrl: origin,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Handler = ReturnType<Provider["callback"]>;

/** A tenant that was made anew gets a new provider, because its claims differ. */
function providerCache(parts: ProviderParts): (tenant: Tenant) => Handler {
  const handlers = new WeakMap<Tenant, Handler>();
  return (tenant) => {
    let handler = handlers.get(tenant);
    if (handler === undefined) {
      handler = makeProvider(parts, tenant).callback();
      handlers.set(tenant, handler);
    }
    return handler;
  };
}

function answer(
  state: State,
  providers: (tenant: Tenant) => Handler,
  request: IncomingMessage & { originalUrl?: string },
  response: ServerResponse,
): void {
  const url = request.url ?? "/";
  const [, name = "", rest = "/"] = /^\/([^/?]*)(.*)$/.exec(url) ?? [];
  const tenant = findTenant(state, name);
  if (tenant === undefined) {
    const correlation = request.headers["client-request-id"];
    response.writeHead(400, { "Content-Type": "application/json" });
    response.end(
      JSON.stringify(
        entraError(tenantMissing(name), typeof correlation === "string" ? correlation : undefined),
      ),
    );
    return;
  }
  // The provider finds the address it is mounted at by comparing these two.
  request.url = rest.startsWith(`/v2.0${configuration}`) ? rest.slice("/v2.0".length) : rest;
  request.originalUrl = `/${name}${request.url}`;
  void providers(tenant)(request, response);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
