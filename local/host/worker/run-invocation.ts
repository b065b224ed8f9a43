/** Runs one invocation: arguments, hooks, handler, hooks, response; and what it logs, through the app's log hooks. */
import type { Fault, FromWorker, Invoke } from "../app/protocol.ts";
import type { CoreInvocationContext, Hooks, InvocationModel, Registry } from "./core.ts";

// Log lines of the app, through its log hooks, to the host.

type LogLine = Omit<Extract<FromWorker, { kind: "log" }>, "kind">;

type WorkerLog = {
  readonly write: (line: LogLine) => void;
  /** Lets log hooks see the context of an invocation while it runs. */
  readonly began: (invocationId: string, context: unknown) => void;
  readonly ended: (invocationId: string) => void;
};

export function createWorkerLog(hooks: Hooks, send: (message: FromWorker) => void): WorkerLog {
  const contexts = new Map<string, unknown>();
  return {
    began: (invocationId, context) => void contexts.set(invocationId, context),
    ended: (invocationId) => void contexts.delete(invocationId),
    write(line) {
      if (!hooks.has("log")) return send({ kind: "log", ...line });
      const context = {
        level: line.level,
        message: line.message,
        category: line.category,
        hookData: hooks.appData,
        appHookData: hooks.appData,
        invocationContext: contexts.get(line.invocationId ?? ""),
      };
      hooks.runNow("log", context);
      // Hooks may rewrite what the app says, not what the system says.
      const edited = line.category === "user" ? context : line;
      send({ kind: "log", ...line, level: edited.level, message: edited.message });
    },
  };
}

/** Runs what `message` asks for and tells how it ended. Never rejects. */
export async function runInvocation(
  registry: Registry,
  log: WorkerLog,
  message: Invoke,
): Promise<FromWorker> {
  const { invocationId } = message;
  try {
    const { outputData, returnValue } = await run(registry, log, message);
    return {
      kind: "done",
      invocationId,
      outputs: outputData ?? [],
      ...(returnValue ? { returnValue } : {}),
    };
  } catch (error) {
    return { kind: "failed", invocationId, fault: faultOf(error) };
  }
}

async function run(registry: Registry, log: WorkerLog, message: Invoke) {
  const entry = registry.find(message.functionId);
  const programmingModel = registry.model();
  if (!entry || !programmingModel)
    throw new Error(`No function "${message.functionId}" is loaded.`);
  const core = coreContext(message, entry.metadata, log);
  const model = programmingModel.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  log.began(message.invocationId, context);
  try {
    const hookData: Record<string, unknown> = {};
    const before = {
      hookData,
      appHookData: registry.hooks.appData,
      invocationContext: context,
      inputs,
      functionCallback: entry.callback,
    };
    core.state = "preInvocationHooks";
    await registry.hooks.run("preInvocation", before);
    core.state = "invocation";
    const outcome = await callHandler(model, before);
    core.state = "postInvocationHooks";
    // A new object: hooks may keep the one they were given before.
    const after = { ...before, ...outcome };
    await registry.hooks.run("postInvocation", after);
    core.state = undefined;
    if (after.error !== undefined && after.error !== null) throw after.error;
    return await model.getResponse(context, after.result);
  } finally {
    log.ended(message.invocationId);
  }
}

async function callHandler(
  model: InvocationModel,
  {
    invocationContext,
    inputs,
    functionCallback,
  }: {
    readonly invocationContext: unknown;
    readonly inputs: unknown[];
    readonly functionCallback: (...args: unknown[]) => unknown;
  },
): Promise<{ result: unknown; error: unknown }> {
  try {
    const result = await model.invokeFunction(invocationContext, inputs, functionCallback);
    return { result, error: null };
  } catch (error) {
    return { result: null, error: error ?? new Error("The handler threw nothing.") };
  }
}

function coreContext(
  message: Invoke,
  metadata: CoreInvocationContext["metadata"],
  log: WorkerLog,
): CoreInvocationContext {
  const { invocationId, functionId, input, triggerMetadata, retryContext } = message;
  return {
    invocationId,
    request: {
      invocationId,
      functionId,
      inputData: [input],
      triggerMetadata: triggerMetadata ?? {},
      retryContext,
      traceContext: {
        traceParent: message.traceParent,
        traceState: message.traceState ?? "",
        attributes: {},
      },
    },
    metadata,
    state: undefined,
    log: (level, category, text) => log.write({ level, category, message: text, invocationId }),
  };
}

/** An error as data; anything may be thrown. */
export const faultOf = (error: unknown): Fault =>
  error instanceof Error
    ? { message: error.message, ...(error.stack ? { stack: error.stack } : {}) }
    : { message: String(error) };
