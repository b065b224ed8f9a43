/**
 * The functions of an app as this host understands them, made from what the app registered and its settings; and what
 * running one takes and comes to.
 */
import { type AuthLevel } from "../http/keys.ts";
import { parseNcrontab, type Schedule } from "./ncrontab.ts";
import {
  type Binding,
  type DataType,
  type Fault,
  type RegisteredFunction,
  type RetryContext,
  type RetryOptions,
  type TypedData,
} from "./protocol.ts";

// App settings: `%Name%` references and connections by name. Pure.

type Settings = Readonly<Record<string, string | undefined>>;

/** Replaces every `%Name%` by that app setting. @throws When a setting is missing. */
function resolveSettings(text: string, env: Settings): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`'%${name}%' does not resolve to a value`);
    return value;
  });
}

/**
 * The connection string that a binding's `connection` names; none means the host's own storage.
 * @throws When nothing is there, or an identity connection, which this host does not support.
 */
export function connectionString(env: Settings, name = "AzureWebJobsStorage"): string {
  for (const key of [`AzureWebJobs${name}`, name, `ConnectionStrings:${name}`]) {
    const value = env[key];
    if (value) return value;
  }
  if (Object.keys(env).some((key) => key.startsWith(`${name}__`))) {
    throw new Error(`connection '${name}' uses an identity; here it has to be a connection string`);
  }
  throw new Error(`connection '${name}' has no value in the app settings`);
}

/** Whether a function is switched off by `AzureWebJobs.<Name>.Disabled`. */
const isDisabled = (env: Settings, functionName: string): boolean =>
  /^(true|1)$/i.test(env[`AzureWebJobs.${functionName}.Disabled`] ?? "");

/**
 * The time zone of schedules: `WEBSITE_TIME_ZONE`, else what `TZ` of the process says, else UTC, as in Azure.
 * @throws When `WEBSITE_TIME_ZONE` names none by its IANA name.
 */
function timeZoneOf(env: Settings): string {
  const { WEBSITE_TIME_ZONE: chosen, TZ: machine } = env;
  if (chosen && !isTimeZone(chosen))
    throw new Error(`WEBSITE_TIME_ZONE '${chosen}' is not a time zone by its IANA name`);
  // What else TZ may be, such as a path, .NET takes for UTC.
  return chosen || (machine && isTimeZone(machine) ? machine : "UTC");
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** A queue that a function writes to. */
export type QueueOutput = {
  /** Binding name; `$return` is the function's return value. */
  readonly binding: string;
  readonly queue: string;
  readonly connection: string;
};

type Common = {
  readonly name: string;
  readonly id: string;
  /** Name of the trigger's binding. */
  readonly trigger: string;
  readonly outputs: readonly QueueOutput[];
  readonly disabled: boolean;
  readonly retry?: RetryOptions;
};

export type HttpFunction = Common & {
  readonly kind: "http";
  readonly route: string;
  readonly methods: readonly string[];
  readonly authLevel: AuthLevel;
};

export type QueueFunction = Common & {
  readonly kind: "queue";
  readonly queue: string;
  /** Connection string of its storage account. */
  readonly connection: string;
  readonly dataType: DataType;
};

export type TimerFunction = Common & {
  readonly kind: "timer";
  readonly expression: string;
  readonly schedule: Schedule;
  readonly runOnStartup: boolean;
  readonly useMonitor: boolean;
};

export type HostedFunction = HttpFunction | QueueFunction | TimerFunction;

type Env = Readonly<Record<string, string>>;

/**
 * Reads every registration.
 * @returns The functions, and everything the Functions host would refuse with a log line.
 */
export function readFunctions(
  registered: readonly RegisteredFunction[],
  env: Env,
): { readonly functions: readonly HostedFunction[]; readonly problems: readonly string[] } {
  const functions: HostedFunction[] = [];
  const problems: string[] = [];
  for (const registration of registered) {
    try {
      checkNames(registration);
      const fn = readFunction(registration, env);
      if (fn) functions.push(fn);
    } catch (error) {
      problems.push(`${registration.name}: ${(error as Error).message}`);
    }
  }
  if (registered.length === 0) problems.push("the app registers no functions");
  return { functions, problems };
}

function checkNames({ name, bindings }: RegisteredFunction): void {
  if (!/^[a-z][\w-]{0,127}$/i.test(name) || name.toLowerCase() === "host") {
    throw new Error("this is not a valid function name");
  }
  for (const binding of Object.keys(bindings)) {
    if (binding !== "$return" && !/^[a-z][a-z\d]{0,127}$/i.test(binding)) {
      throw new Error(`'${binding}' is not a valid binding name`);
    }
  }
}

function readFunction(registration: RegisteredFunction, env: Env): HostedFunction | undefined {
  const { id, name, bindings, retryOptions } = registration;
  const [trigger, binding] =
    Object.entries(bindings).find(([, { type }]) => type.toLowerCase().endsWith("trigger")) ?? [];
  if (!trigger || !binding) throw new Error("it has no trigger");
  const common: Common = {
    name,
    id,
    trigger,
    outputs: readOutputs(registration, env),
    disabled: isDisabled(env, name),
    ...(retryOptions ? { retry: retryOptions } : {}),
  };
  switch (binding.type.toLowerCase()) {
    case "httptrigger":
      return readHttp(common, binding);
    case "queuetrigger":
      return {
        ...common,
        kind: "queue",
        ...readQueue(binding, env),
        dataType: readDataType(binding),
      };
    case "timertrigger":
      return readTimer(common, binding, env);
    case "warmuptrigger":
      return undefined;
    default:
      throw new Error(`this host has no trigger of type '${binding.type}'`);
  }
}

function readOutputs({ bindings }: RegisteredFunction, env: Env): readonly QueueOutput[] {
  const outputs: QueueOutput[] = [];
  for (const [name, binding] of Object.entries(bindings)) {
    const type = binding.type.toLowerCase();
    if (type.endsWith("trigger") || (binding.direction === "out" && type === "http")) continue;
    if (binding.direction !== "out" || type !== "queue") {
      throw new Error(`this host has no ${binding.direction}put binding of type '${binding.type}'`);
    }
    outputs.push({ binding: name, ...readQueue(binding, env) });
  }
  return outputs;
}

const readHttp = (common: Common, binding: Binding): HttpFunction => ({
  ...common,
  kind: "http",
  route: textOf(binding["route"])?.replace(/^\//, "") ?? common.name,
  methods: (binding["methods"] as readonly string[] | undefined)?.map((m) => m.toUpperCase()) ?? [
    "GET",
    "POST",
  ],
  authLevel: (textOf(binding["authLevel"])?.toLowerCase() ?? "anonymous") as AuthLevel,
});

function readQueue(binding: Binding, env: Env) {
  const queue = resolveSettings(textOf(binding["queueName"]) ?? "", env).toLowerCase();
  if (!/^[a-z\d](?:-?[a-z\d])*$/.test(queue) || queue.length < 3 || queue.length > 63) {
    throw new Error(`'${queue}' is not a valid queue name`);
  }
  return { queue, connection: connectionString(env, textOf(binding["connection"])) };
}

/** Without one, or with one that nobody knows, a message is text. */
function readDataType(binding: Binding): DataType {
  const dataType = textOf(binding["dataType"])?.toLowerCase();
  if (dataType === "stream") throw new Error("a queue message cannot be a stream");
  return dataType === "binary" ? "binary" : "string";
}

function readTimer(common: Common, binding: Binding, env: Env): TimerFunction {
  const expression = resolveSettings(textOf(binding["schedule"]) ?? "", env);
  const schedule = parseNcrontab(expression, timeZoneOf(env));
  if (schedule.next(Date.now()) === undefined) throw new Error(`"${expression}" never comes`);
  return {
    ...common,
    kind: "timer",
    expression,
    schedule,
    runOnStartup: binding["runOnStartup"] === true,
    useMonitor: binding["useMonitor"] !== false,
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

// What running a function takes, and what comes of it.

/** How an invocation ended. */
export type Outcome =
  | {
      readonly ok: true;
      readonly outputs: ReadonlyMap<string, TypedData>;
      readonly returnValue: TypedData | undefined;
    }
  | {
      readonly ok: false;
      readonly fault: Fault;
      /** The worker died under it, or there was none. */
      readonly workerLost: boolean;
    };

/** What a trigger hands to its function. */
export type Call = {
  readonly invocationId?: string;
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly retryContext?: RetryContext;
  readonly traceParent?: string | undefined;
  readonly traceState?: string | undefined;
};

/** Runs `fn` and sends its outputs. An output that fails, fails the run. Never rejects. */
export type Run = (fn: HostedFunction, call: Call) => Promise<Outcome>;
