/** Starts the stand-in for Microsoft's cloud: Graph, ConfigMgr sites and control over HTTP, sign-in over HTTPS. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerSite, isSite } from "./admin-service/front.ts";
import { answerControl, controlPrefix } from "./control/control-api.ts";
import { answerGraph, isGraph } from "./graph/front.ts";
import { isForUs, isFromPage, sendJson } from "./http/messages.ts";
import { answerPartnerCenter, partnerCenterPrefix } from "./partner-center/front.ts";
import { announceHome, type HomeAnnouncement } from "./sign-in/announcement.ts";
import { directoriesOf } from "./sign-in/directories.ts";
import { apiClientId } from "./sign-in/entra/apps.ts";
import { graphIdentifiers, partnerIdentifiers, resourcesWith } from "./sign-in/entra/resources.ts";
import { openHome } from "./sign-in/home.ts";
import { answerDevicePage, devicePagePath } from "./sign-in/pages/device-page.ts";
import { isDirectory, type SignInService, startSignIn } from "./sign-in/service.ts";
import { tokenCheck } from "./sign-in/tokens.ts";
import { openState, type State } from "./state.ts";

/** How to start. Port 0 takes a free port; `home` is a folder for keys and the app's secret. */
export type SandboxOptions = {
  readonly port?: number;
  /** 0 takes the one of last time, if it is free: it is part of what tokens say. */
  readonly signInPort?: number;
  readonly home: string;
  /** How long the code of a device is good for; Entra's 15 minutes when absent. */
  readonly deviceCodeSeconds?: number;
  readonly log?: (line: string) => void;
};

/** A running stand-in. */
export type Sandbox = {
  /** Control is at `{url}/_sandbox/...`. */
  readonly url: string;
  /** Graph is at `{graphUrl}/v1.0/...` and `{graphUrl}/beta/...`. */
  readonly graphUrl: string;
  /** Partner Center is at `{partnerCenterUrl}/v1/...`. */
  readonly partnerCenterUrl: string;
  /** A tenant's authority is `{authorityUrl}/{tenantId}`; browsers reach it at `{url}/{tenantId}`, too. */
  readonly authorityUrl: string;
  /** The certificate to trust: NODE_EXTRA_CA_CERTS of every process that signs in. */
  readonly caFile: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The directory whose people sign in. */
  readonly home: HomeAnnouncement;
  readonly stop: () => Promise<void>;
};

const entrasDeviceCodeSeconds = 900;

/** Starts everything on 127.0.0.1. Throws when a port is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { log = () => {}, deviceCodeSeconds = entrasDeviceCodeSeconds } = options;
  const home = await openHome(options.home);
  const state = openState(options.home);
  const server = createServer({ keepAliveTimeout: 60_000 });
  await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const devicePage = url + devicePagePath;
  const resources = resourcesWith(url);
  const ports = { port: options.signInPort ?? 0, log };
  const parts = { ...ports, home, resources, devicePage, deviceCodeSeconds };
  const starting = startSignIn(directoriesOf(state, home), parts);
  const check = tokenCheck(home.signingKey, [...graphIdentifiers, url]);
  const checkPartner = tokenCheck(home.signingKey, partnerIdentifiers(url));
  answerRequests(server, { state, check, checkPartner, signIn: starting, url }, log);
  const signIn = await starting.catch(async (cause: unknown) => {
    await close(server);
    throw new Error("the sign-in service could not start", { cause });
  });
  const stop = async (): Promise<void> => {
    await Promise.all([signIn.stop(), close(server)]);
  };
  log(`sandbox: Graph and control at ${url}, sign-in at ${signIn.authorityUrl}`);
  log(
    "sandbox: tenants and their devices are kept for the next start; what was done to them, and the ledger, are not",
  );
  const { authorityUrl } = signIn;
  const { caFile, clientSecret } = home;
  const app = { clientId: apiClientId, clientSecret };
  const people = announceHome(home, devicePage);
  const urls = { url, graphUrl: url, partnerCenterUrl: url + partnerCenterPrefix, authorityUrl };
  return { ...urls, caFile, ...app, home: people, stop };
}

/** What requests over plain HTTP come to. Sign-in may still be on its way when the first one arrives. */
type FrontDoor = {
  readonly state: State;
  readonly check: ReturnType<typeof tokenCheck>;
  readonly checkPartner: ReturnType<typeof tokenCheck>;
  readonly signIn: Promise<SignInService>;
  readonly url: string;
};

function answerRequests(server: Server, door: FrontDoor, log: (line: string) => void): void {
  server.on("request", (request, response) => {
    answerRequest(door, request, response).catch((error: unknown) => {
      log(`sandbox: ${request.method} ${request.url} failed: ${String(error)}`);
      response.destroy();
    });
  });
}

async function answerRequest(
  door: FrontDoor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? "/";
  if (!isForUs(request))
    return sendJson(response, 421, {
      error: "the sandbox answers to 127.0.0.1 and localhost only",
    });
  if (isGraph(url)) return answerGraph(door, request, response);
  if (url.startsWith(`${partnerCenterPrefix}/v1/`))
    return answerPartnerCenter(door, request, response);
  // Neither asks for a token: whoever works at this machine may, and pages in their browser may not.
  const isOpen = isSite(url) || url.startsWith(controlPrefix);
  if (isOpen && isFromPage(request))
    return sendJson(response, 403, { error: "pages of other sites may not ask the sandbox" });
  if (isSite(url)) return answerSite(door.state, request, response);
  if (url.startsWith(controlPrefix)) return answerControl(door.state, request, response);
  if (url.split("?")[0] === devicePagePath) {
    const { forPeople } = await door.signIn;
    return answerDevicePage(forPeople, door.url, request, response);
  }
  if (isDirectory(url)) return (await door.signIn).answerPlain(request, response);
  sendJson(response, 404, { error: `nothing is served at ${url}` });
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
