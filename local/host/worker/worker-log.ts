/** Log lines of the app, through its log hooks, to the host. */
import type { FromWorker } from "../app/protocol.ts";
import type { Hooks } from "./hooks.ts";

export type LogLine = Omit<Extract<FromWorker, { kind: "log" }>, "kind">;

export type WorkerLog = {
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
