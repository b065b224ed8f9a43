/** The relay as it is run: a process of its own, which a test stops, or kills. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("../../../relay/main.ts", import.meta.url));

/** A line of the relay's log. */
export type Line = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A running relay. */
export type RelayProcess = {
  readonly lines: () => readonly Line[];
  /** Resolves with the first line, old or new, that fits. */
  readonly saw: (event: string, fits?: (line: Line) => boolean) => Promise<Line>;
  readonly kill: () => Promise<void>;
  /** Resolves with the exit code when it has ended by itself. */
  readonly exit: Promise<number | null>;
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | null>;
  /** Lets the process stand still, as a paused machine does. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly trouble: () => string;
};

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a relay with these settings and nothing else of the environment's. */
export function startRelayProcess(settings: Readonly<Record<string, string>>): RelayProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RELAY_"));
  const child = spawn(process.execPath, [entry], {
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const exit = once(child, "close").then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  const lines: Line[] = [];
  const waiters = new Set<(line: Line) => void>();
  let rest = "";
  let trouble = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    const whole = (rest + part).split("\n");
    rest = whole.pop() ?? "";
    for (const text of whole) {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      for (const tell of waiters) tell(line);
    }
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => (trouble += part));
  const saw: RelayProcess["saw"] = (event, fits = () => true) => {
    const wanted = (line: Line): boolean => line.event === event && fits(line);
    const old = lines.find(wanted);
    if (old) return Promise.resolve(old);
    return new Promise((resolve) => {
      const tell = (line: Line): void => {
        if (!wanted(line)) return;
        waiters.delete(tell);
        resolve(line);
      };
      waiters.add(tell);
    });
  };
  return {
    lines: () => lines,
    saw,
    exit,
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
    },
    stop: async () => {
      child.kill("SIGTERM");
      return exit;
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    trouble: () => trouble,
  };
}
