/**
 * The core of the worker: what the app registers, its functions, hooks and programming model, and the answer to its
 * `require("@azure/functions-core")`.
 */

import { registerHooks } from "node:module";
import {
  hostVersion,
  type LogLevel,
  type RegisteredFunction,
  type TypedData,
} from "../app/protocol.ts";

// The part of `@azure/functions-core` that programming models use; it is published nowhere else.

type Callback = (...args: unknown[]) => unknown;

/** What `registerFunction` is given. */
type FunctionMetadata = Omit<RegisteredFunction, "id"> & { readonly functionId?: string };

/** Per-invocation context that the core hands to the programming model. */
export type CoreInvocationContext = {
  readonly invocationId: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly metadata: FunctionMetadata;
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  readonly log: (level: LogLevel, category: string, message: string) => void;
};

type ModelResponse = {
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData | null;
};

/** How the model converts and runs one invocation. */
export type InvocationModel = {
  getArguments(): Promise<{ readonly context: unknown; readonly inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<ModelResponse>;
};

/** The programming model: `@azure/functions`, from the app's own copy. */
type ProgrammingModel = {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(
    defaults: Record<string, string>,
  ): Record<string, string> | Promise<Record<string, string>>;
};

// The app's hooks, by name and in order of registration.

const names = ["preInvocation", "postInvocation", "appStart", "appTerminate", "log"] as const;

type HookName = (typeof names)[number];

/** Hooks of one app, and the data that its app-level hooks share. */
export type Hooks = {
  readonly appData: Record<string, unknown>;
  /** @throws A `RangeError` marked as a system error when there is no such hook. */
  readonly register: (name: string, callback: Callback) => { dispose(): void };
  /** Runs hooks one after the other; the first that throws ends it. */
  readonly run: (name: HookName, context: object) => Promise<void>;
  /** Runs log hooks, which cannot wait. */
  readonly runNow: (name: HookName, context: object) => void;
  readonly has: (name: HookName) => boolean;
};

function createHooks(): Hooks {
  const registered = new Map<string, Callback[]>(names.map((name) => [name, []]));
  const callbacks = (name: string): readonly Callback[] => registered.get(name) ?? [];
  return {
    appData: {},
    register(name, callback) {
      const list = registered.get(name);
      if (!list) throw unknownHook(name);
      list.push(callback);
      return {
        dispose: () => {
          const at = list.indexOf(callback);
          if (at >= 0) list.splice(at, 1);
        },
      };
    },
    async run(name, context) {
      for (const callback of callbacks(name)) await callback(context);
    },
    runNow(name, context) {
      for (const callback of callbacks(name)) callback(context);
    },
    has: (name) => callbacks(name).length > 0,
  };
}

/** Programming models tell an old host by exactly this error. */
const unknownHook = (name: string): Error =>
  Object.assign(new RangeError(`There is no hook named "${name}".`), {
    isAzureFunctionsSystemError: true,
  });

// What the app registered with the core: its functions, hooks and programming model.

type Entry = { readonly metadata: FunctionMetadata; readonly callback: Callback };

export type Registry = {
  readonly hooks: Hooks;
  readonly register: (metadata: FunctionMetadata, callback: Callback) => { dispose(): void };
  readonly find: (id: string) => Entry | undefined;
  /** Ends registration and tells what was registered, in order. */
  readonly close: () => readonly RegisteredFunction[];
  readonly setModel: (model: ProgrammingModel) => void;
  readonly model: () => ProgrammingModel | undefined;
};

export function createRegistry(): Registry {
  const functions = new Map<string, Entry>();
  let closed = false;
  let model: ProgrammingModel | undefined;
  const requireOpen = (what: string): void => {
    if (closed) throw new Error(`A function can only be ${what} during app startup.`);
  };
  return {
    hooks: createHooks(),
    register(metadata, callback) {
      requireOpen("registered");
      const id = metadata.functionId ?? metadata.name;
      if (functions.has(id)) throw new Error(`A function with id "${id}" is already registered.`);
      functions.set(id, { metadata, callback });
      return {
        dispose: () => {
          requireOpen("disposed");
          functions.delete(id);
        },
      };
    },
    find: (id) => functions.get(id),
    close() {
      closed = true;
      return [...functions].map(([id, { metadata }]) => describe(id, metadata));
    },
    setModel: (chosen) => {
      model = chosen;
    },
    model: () => model,
  };
}

/** Options cross to the host as JSON, as in Azure: what JSON cannot say is lost there too. */
const describe = (id: string, { name, bindings, retryOptions }: FunctionMetadata) =>
  JSON.parse(JSON.stringify({ id, name, bindings, retryOptions })) as RegisteredFunction;

// In Azure the worker answers to the name of the core; here a module hook does. Only `require` is answered: an
// `import` of it fails there, so it has to fail here.

const name = "@azure/functions-core";
const url = "functions-core:api";
const slot = Symbol.for("functions-core.api");

/** Makes the core available to everything that is loaded from now on. */
export function provideCoreApi(
  registry: Registry,
  log: (level: LogLevel, category: string, message: string) => void,
): void {
  const api = {
    version: "3.11.0",
    hostVersion,
    Disposable,
    registerFunction: registry.register,
    registerHook: registry.hooks.register,
    setProgrammingModel: registry.setModel,
    getProgrammingModel: registry.model,
    log,
  };
  Object.assign(globalThis, { [slot]: api });
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const required = specifier === name && context.conditions.includes("require");
      return required ? { url, shortCircuit: true } : nextResolve(specifier, context);
    },
    load(address, context, nextLoad) {
      if (address !== url) return nextLoad(address, context);
      const source = `module.exports = globalThis[Symbol.for(${JSON.stringify(slot.description)})];`;
      return { format: "commonjs", source, shortCircuit: true };
    },
  });
}

/** Undoes a registration, once. */
class Disposable {
  readonly #dispose: () => unknown;
  constructor(dispose: () => unknown) {
    this.#dispose = dispose;
  }
  static from(...items: readonly { dispose(): unknown }[]): Disposable {
    return new Disposable(() => items.forEach((item) => void item.dispose()));
  }
  dispose(): unknown {
    return this.#dispose();
  }
}
