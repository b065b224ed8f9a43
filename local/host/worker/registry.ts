/** What the app registered with the core: its functions, hooks and programming model. */
import type { RegisteredFunction } from "../app/protocol.ts";
import type { Callback, FunctionMetadata, ProgrammingModel } from "./core-types.ts";
import { createHooks, type Hooks } from "./hooks.ts";

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
