/** The sign-in service: HTTPS on 127.0.0.1, with a door for each directory. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
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
  readonly stop: () => Promise<void>;
};

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
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
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
  return { authorityUrl: origin, forPeople, stop: () => stopped(server) };
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
