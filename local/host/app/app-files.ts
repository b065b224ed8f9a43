/** The files an app directory brings: host.json, local.settings.json, package.json. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type HostJson, parseHostJson } from "./host-json.ts";

// Why the host does not start: everything that is wrong, at once.

/** Thrown when an app cannot be hosted. The host in Azure drops some of these with a log line only. */
export class HostRefusal extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The app cannot be hosted:\n${problems.map((problem) => `- ${problem}`).join("\n")}`);
    this.name = "HostRefusal";
    this.problems = problems;
  }
}

const localSettings = z.object({
  IsEncrypted: z.boolean().default(false),
  Values: z.record(z.string(), z.coerce.string()).default({}),
  Host: z
    .object({
      LocalHttpPort: z.coerce.number().int().min(0).max(65_535).optional(),
      CORS: z.string().default(""),
      CORSCredentials: z.boolean().default(false),
    })
    .prefault({}),
  ConnectionStrings: z.record(z.string(), z.unknown()).default({}),
});

/** An app directory, read. */
export type AppFiles = {
  readonly host: HostJson;
  /** Settings of the app: its local settings under the environment the host was given. */
  readonly env: Readonly<Record<string, string>>;
  readonly port: number | undefined;
  readonly cors: { readonly origins: readonly string[]; readonly credentials: boolean };
  /** package.json `main`: a path or a glob. */
  readonly main: string | undefined;
};

/**
 * Reads `appDir`. Settings already in `env` win over local.settings.json.
 * @throws {HostRefusal} When a file is missing or wrong.
 */
export async function readAppFiles(appDir: string, env: NodeJS.ProcessEnv): Promise<AppFiles> {
  const problems: string[] = [];
  const settings = localSettings.safeParse(await readJson(appDir, "local.settings.json", problems));
  const manifest = await readJson(appDir, "package.json", problems);
  const hostText = await readText(join(appDir, "host.json"));
  if (hostText === undefined) problems.push("there is no host.json");
  if (!settings.success) problems.push(`local.settings.json: ${z.prettifyError(settings.error)}`);
  else if (settings.data.IsEncrypted) problems.push("local.settings.json is encrypted");
  if (!settings.success || hostText === undefined) throw new HostRefusal(problems);
  const { Values, Host, ConnectionStrings } = settings.data;
  const merged = { ...connectionSettings(ConnectionStrings), ...Values, ...defined(env) };
  const host = parseHostJson(hostText, merged);
  if ("problems" in host) problems.push(...host.problems);
  if (problems.length > 0 || "problems" in host) throw new HostRefusal(problems);
  return {
    host: host.value,
    env: merged,
    port: Host.LocalHttpPort,
    cors: { origins: Host.CORS.split(",").filter(Boolean), credentials: Host.CORSCredentials },
    main: (manifest as { readonly main?: string }).main,
  };
}

async function readJson(dir: string, name: string, problems: string[]): Promise<unknown> {
  const text = await readText(join(dir, name));
  try {
    return JSON.parse(text ?? "{}");
  } catch (error) {
    problems.push(`${name} is not JSON: ${String(error)}`);
    return {};
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const connectionSettings = (given: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`ConnectionStrings:${name}`, String(value)]),
  );

const defined = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
