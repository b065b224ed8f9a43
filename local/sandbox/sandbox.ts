/** Starts the stand-in for Microsoft's cloud: Graph, ConfigMgr sites and control over HTTP, sign-in over HTTPS. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { answerSite, isSite } from "./admin-service/front.ts";
import { answerControl, controlPrefix } from "./control/router.ts";
import { answerGraph, isGraph } from "./graph/front.ts";
import { sendJson } from "./http/messages.ts";
import { makeApps, seededClientId } from "./sign-in/apps.ts";
import { openHome } from "./sign-in/home.ts";
import { startSignIn } from "./sign-in/service.ts";
import { tokenCheck } from "./sign-in/tokens.ts";
import { makeState, type State } from "./state.ts";

/** How to start. Port 0 takes a free port; `home` is a folder for keys and the app's secret. */
export type SandboxOptions = {
  readonly port?: number;
  readonly signInPort?: number;
  readonly home: string;
  readonly log?: (line: string) => void;
};

/** A running stand-in. */
export type Sandbox = {
  /** Control is at `{url}/_sandbox/...`. */
  readonly url: string;
  /** Graph is at `{graphUrl}/v1.0/...` and `{graphUrl}/beta/...`. */
  readonly graphUrl: string;
  /** A tenant's authority is `{authorityUrl}/{tenantId}`. */
  readonly authorityUrl: string;
  /** The certificate to trust: NODE_EXTRA_CA_CERTS of every process that signs in. */
  readonly caFile: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly stop: () => Promise<void>;
};

/** Graph's audience in real tokens, by address and by app id. */
const graphAudiences = ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/** Starts everything on 127.0.0.1. Throws when a port is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const log = options.log ?? (() => {});
  const home = await openHome(options.home);
  const state = makeState();
  const server = createServer({ keepAliveTimeout: 60_000 });
  await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const audiences = [...graphAudiences, url];
  const check = tokenCheck(home.signingKey, audiences);
  answerRequests(server, state, check, log);
  const apps = makeApps(home.clientSecret);
  const signInParts = { port: options.signInPort ?? 0, home, apps, audiences };
  const signIn = await startSignIn(state, signInParts).catch(async (cause: unknown) => {
    await close(server);
    throw new Error("the sign-in service could not start", { cause });
  });
  const stop = async (): Promise<void> => {
    await Promise.all([signIn.stop(), close(server)]);
  };
  log(`sandbox: Graph and control at ${url}, sign-in at ${signIn.authorityUrl}`);
  log("sandbox: tenants, devices and the ledger are kept in memory and end with this process");
  const { authorityUrl } = signIn;
  const { caFile, clientSecret } = home;
  return { url, graphUrl: url, authorityUrl, caFile, clientId: seededClientId, clientSecret, stop };
}

function answerRequests(
  server: Server,
  state: State,
  check: ReturnType<typeof tokenCheck>,
  log: (line: string) => void,
): void {
  const door = { state, check };
  server.on("request", (request, response) => {
    const url = request.url ?? "/";
    const answered = isGraph(url)
      ? answerGraph(door, request, response)
      : isSite(url)
        ? answerSite(state, request, response)
        : url.startsWith(controlPrefix)
          ? answerControl(state, request, response)
          : Promise.resolve(sendJson(response, 404, { error: `nothing is served at ${url}` }));
    answered.catch((error: unknown) => {
      log(`sandbox: ${request.method} ${url} failed: ${String(error)}`);
      response.destroy();
    });
  });
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

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
