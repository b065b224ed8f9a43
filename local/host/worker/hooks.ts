/** The app's hooks, by name and in order of registration. */
import type { Callback } from "./core-types.ts";

const names = ["preInvocation", "postInvocation", "appStart", "appTerminate", "log"] as const;

export type HookName = (typeof names)[number];

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

export function createHooks(): Hooks {
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
