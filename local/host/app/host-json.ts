/** host.json: the settings of the host that an app brings along, with the defaults of the Functions host. */
import { availableParallelism } from "node:os";
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

export type HostJson = z.infer<typeof hostJson>;
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
