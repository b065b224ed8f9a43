/** Azure Storage for one machine: Azurite in a child process, on ports that are free. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { ownerOnly, ownFolder } from "../kept-file.ts";

/** Azurite's documented account; it guards nothing, because only this machine can reach it. */
const account = "devstoreaccount1";
const accountKey =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Time to save everything; far more than it takes. */
const saveMs = 15_000;

const entry = fileURLToPath(new URL("azurite-process.ts", import.meta.url));

const services = ["Blob", "Queue", "Table"] as const;
type Ports = Readonly<Record<(typeof services)[number], number>>;

/** A running Azurite. */
export type Azurite = {
  readonly pid: number;
  readonly connectionString: string;
  readonly ports: Ports;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Saves everything and ends. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts Azurite and waits until its three services listen.
 * @param options.folder Where it keeps its data; absent means in memory.
 * @param options.ports The ports to take, when callers already know them; absent means free ones.
 * @param options.logFile Where its output goes.
 * @throws When Azurite ends before it listens, for instance because a port was taken.
 */
export async function startAzurite(options: {
  readonly folder?: string;
  readonly ports?: Ports;
  readonly logFile?: string;
}): Promise<Azurite> {
  const { folder, logFile } = options;
  if (folder) ownFolder(folder);
  const child = fork(entry, flags(options), { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const ended = once(child, "exit").then(() => undefined);
  const output = new PassThrough();
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  const ports = await listeningPorts(output, once(child, "close"));
  if (logFile) output.pipe(createWriteStream(logFile, { flags: "a", mode: ownerOnly }));
  else output.resume();
  const stop = async (): Promise<void> => {
    if (child.connected) child.send("close");
    const enough = setTimeout(() => child.kill("SIGKILL"), saveMs);
    await ended;
    clearTimeout(enough);
  };
  return { pid: child.pid ?? 0, connectionString: connectionString(ports), ports, ended, stop };
}

const flags = (options: { readonly folder?: string; readonly ports?: Ports }): string[] => [
  ...(options.folder ? ["--location", options.folder] : ["--inMemoryPersistence"]),
  ...services.flatMap((service) => [
    `--${service.toLowerCase()}Port`,
    String(options.ports?.[service] ?? 0),
  ]),
  // Newer SDKs name API versions that Azurite has not heard of yet.
  "--skipApiVersionCheck",
  "--silent",
  "--disableTelemetry",
];

/** Reads the ports from what Azurite says about itself. */
async function listeningPorts(
  output: NodeJS.ReadableStream,
  closed: Promise<unknown>,
): Promise<Ports> {
  const found: Partial<Record<string, number>> = {};
  let text = "";
  const all = new Promise<void>((resolve) => {
    output.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      for (const [, service, port] of text.matchAll(
        /Azurite (\w+) service is successfully listening at \S+:(\d+)\n/g,
      )) {
        found[String(service)] = Number(port);
      }
      if (services.every((service) => found[service])) resolve();
    });
  });
  await Promise.race([
    all,
    closed.then(() => {
      throw new Error(`Azurite ended before it was ready: ${text.trim()}`);
    }),
  ]);
  output.removeAllListeners("data");
  return found as Ports;
}

function connectionString(ports: Ports): string {
  const endpoints = services.map(
    (service) => `${service}Endpoint=http://127.0.0.1:${ports[service]}/${account};`,
  );
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};${endpoints.join("")}`;
}
