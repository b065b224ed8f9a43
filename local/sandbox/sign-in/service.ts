/**
 * The sign-in service: HTTPS on 127.0.0.1, with a door for each directory. Nobody vouches for its certificate, so browsers
 * come through the same doors over plain HTTP, which on the loopback interface is as safe.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { isFromPage } from "../http/messages.ts";
import { type DirectoryById, homeTenantId } from "./directories.ts";
import { answerDirectory, refuse } from "./directory-calls.ts";
import { type Door, doorsTo } from "./doors.ts";
import { tenantMissing } from "./entra/entra-errors.ts";
import { pollInterval } from "./poll-interval.ts";
import type { ProviderParts } from "./provider.ts";

/** A running service. */
export type SignInService = {
  readonly authorityUrl: string;
  /** Where people who type a code may be waited for. */
  readonly forPeople: () => readonly Door[];
  /** Answers a browser that came over plain HTTP, on this machine. */
  readonly answerPlain: Answer;
  readonly stop: () => Promise<void>;
};

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Starts the service. Port 0 takes the one of last time, or a free one. */
export async function startSignIn(
  directories: DirectoryById,
  parts: Omit<ProviderParts, "origin"> & {
    readonly port: number;
    readonly log: (line: string) => void;
  },
): Promise<SignInService> {
  const { home, log } = parts;
  const server = createServer({ key: home.tls.key, cert: home.tls.certificate });
  await listen(server, parts.port === 0 ? [home.lastPort, 0] : [parts.port]);
  const { port } = server.address() as AddressInfo;
  if (port !== home.lastPort) home.keepPort(port);
  const origin = `https://127.0.0.1:${port}`;
  const doors = doorsTo(directories, { ...parts, origin });
  doors.of(homeTenantId);
  const calls = { resources: parts.resources, interval: pollInterval() };
  const answer: Answer = async (request, response) => {
    const [, name = "", rest = "/"] = /^\/([^/?]*)(.*)$/.exec(request.url ?? "/") ?? [];
    const door = doors.of(name);
    if (door === undefined) return refuse(tenantMissing(name), request, response);
    return answerDirectory(calls, door, rest, request, response);
  };
  server.on("request", (request, response) => {
    answer(request, response).catch((error: unknown) => {
      log(
        `sandbox: sign-in ${request.method} ${request.url?.split("?")[0]} failed: ${String(error)}`,
      );
      response.destroy();
    });
  });
  const { forPeople } = doors;
  const answerPlain: Answer = (request, response) => {
    comeByHttps(request, response, origin);
    return answer(request, response);
  };
  return { authorityUrl: origin, forPeople, answerPlain, stop: () => stopped(server) };
}

// Over plain HTTP: whatever stands behind the doors sees one address, the one that tokens name as their issuer.

/** Whether a path is one of a directory's. */
export const isDirectory = (path: string): boolean => /^\/[0-9a-f-]{36}[/?]/i.test(path);

/** Makes a plain request look as if it had come by HTTPS, and its answer fit for where it really came from. */
function comeByHttps(request: IncomingMessage, response: ServerResponse, origin: string): void {
  const plain = `http://${request.headers.host ?? ""}`;
  if (!isFromPage(request) && request.headers.origin !== undefined) request.headers.origin = origin;
  request.headers.host = new URL(origin).host;
  request.headers["x-forwarded-proto"] = "https";
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status: number, ...rest: unknown[]): ServerResponse => {
    // A reason in words may stand before the headers.
    for (const [name, value] of Object.entries(rest.at(-1) ?? {})) {
      if (typeof rest.at(-1) === "object") response.setHeader(name, value as string);
    }
    const location = response.getHeader("location");
    if (typeof location === "string" && location.startsWith(`${origin}/`))
      response.setHeader("location", plain + location.slice(origin.length));
    const cookies = response.getHeader("set-cookie");
    // No browser sends a secure cookie to a page without a certificate, and not every one takes it from there.
    if (Array.isArray(cookies))
      response.setHeader(
        "set-cookie",
        cookies.map((cookie) => cookie.replace(/; secure/i, "")),
      );
    return writeHead(status);
  };
}

/** Listens on the first of the ports that is free. */
async function listen(server: Server, [port = 0, ...others]: readonly number[]): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    if (others.length === 0) throw cause;
    await listen(server, others);
  }
}

const stopped = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
