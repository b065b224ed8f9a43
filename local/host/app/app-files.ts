/** The files an app directory brings: host.json with the defaults of the Functions host, local.settings.json, package.json. */

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";

// .NET time spans, the notation of durations in host.json: `[-][days.]hh:mm:ss[.fraction]`.

const notation = /^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/;

/** Milliseconds of a time span, or undefined when `text` is not one. */
export function timeSpanMs(text: string): number | undefined {
  const [, sign, days, hours, minutes, seconds, fraction] = notation.exec(text.trim()) ?? [];
  if (hours === undefined || minutes === undefined) return undefined;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds ?? 0)];
  if (h > 23 || m > 59 || s > 59) return undefined;
  const whole = ((Number(days ?? 0) * 24 + h) * 60 + m) * 60 + s;
  const ms = whole * 1000 + Number(`0.${fraction ?? 0}`) * 1000;
  return sign ? -ms : ms;
}

/** A time span in milliseconds, at least `minimumMs`. */
const span = (fallback: string, minimumMs = 0) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const ms = timeSpanMs(text);
      if (ms !== undefined && ms >= minimumMs) return ms;
      context.addIssue(`"${text}" is not a time span of at least ${minimumMs} ms`);
      return z.NEVER;
    });

const timeout = z
  .string()
  .default("00:30:00")
  .transform((text, context) => {
    if (text === "-1") return Number.POSITIVE_INFINITY;
    const ms = timeSpanMs(text);
    if (ms !== undefined && ms > 0) return ms;
    context.addIssue(`"${text}" is neither a time span nor "-1"`);
    return z.NEVER;
  });

/** Outside of Azure the default of a minute, also when it is written out, stands for two seconds. */
const developmentInterval = (ms: number): number => (ms === 60_000 ? 2_000 : ms);

const queues = z
  .object({
    batchSize: z.coerce.number().int().min(1).max(32).default(16),
    newBatchThreshold: z.coerce.number().int().min(0).optional(),
    maxDequeueCount: z.coerce.number().int().min(1).default(5),
    maxPollingInterval: span("00:01:00", 100).transform(developmentInterval),
    visibilityTimeout: span("00:00:00"),
    messageEncoding: z
      .string()
      .default("base64")
      .transform((text) => text.toLowerCase())
      .pipe(z.enum(["base64", "none"])),
  })
  .transform((given) => ({
    ...given,
    // A dynamic plan counts one processor (storage extension, SkuUtility); this is none.
    newBatchThreshold:
      given.newBatchThreshold ?? Math.floor(given.batchSize / 2) * availableParallelism(),
  }));

const http = z.object({
  routePrefix: z.string().default("api"),
  customHeaders: z.record(z.string(), z.string()).default({}),
});

const hostJson = z.object({
  version: z.literal("2.0"),
  functionTimeout: timeout,
  extensions: z.object({ http: http.prefault({}), queues: queues.prefault({}) }).prefault({}),
});

type HostJson = z.infer<typeof hostJson>;
export type QueueSettings = HostJson["extensions"]["queues"];

const overridePrefix = /^AzureFunctionsJobHost(?:__|:)/;

/**
 * Reads host.json. Environment names such as `AzureFunctionsJobHost__extensions__queues__batchSize`
 * override it, as in Azure.
 */
export function parseHostJson(
  text: string,
  env: NodeJS.ProcessEnv,
): { readonly value: HostJson } | { readonly problems: readonly string[] } {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    return { problems: [`host.json is not JSON: ${String(error)}`] };
  }
  const parsed = hostJson.safeParse(overridden(content, env));
  if (parsed.success) return { value: parsed.data };
  return {
    problems: parsed.error.issues.map(
      ({ path, message }) => `host.json ${path.join(".") || "root"}: ${message}`,
    ),
  };
}

function overridden(content: unknown, env: NodeJS.ProcessEnv): unknown {
  for (const [name, value] of Object.entries(env)) {
    if (!overridePrefix.test(name)) continue;
    const path = name.replace(overridePrefix, "").split(/__|:/);
    const last = path.pop();
    let place = content as Record<string, unknown>;
    for (const step of path) {
      const next = place[step];
      place[step] = typeof next === "object" && next !== null ? next : {};
      place = place[step] as Record<string, unknown>;
    }
    if (last) place[last] = value;
  }
  return content;
}

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
