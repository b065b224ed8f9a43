/**
 * Answers `require("@azure/functions-core")` for the app.
 *
 * In Azure the worker answers that one name; here a module hook does. Only `require` is answered:
 * an `import` of it fails there, so it has to fail here.
 */
import { registerHooks } from "node:module";
import { hostVersion, type LogLevel } from "../app/protocol.ts";
import type { Registry } from "./registry.ts";

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
