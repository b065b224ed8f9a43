/** The relay as it is run: a process of its own, which a test stops, or kills. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const entry = join(root, "relay", "main.ts");

/** How a relay is started: right away, or as it is told to people. */
export type RelayCommand = readonly [program: string, ...args: string[]];
export const npmRunRelay: RelayCommand = ["npm", "run", "relay"];

/** A line of the relay's log. */
export type Line = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A running relay. */
export type RelayProcess = {
  readonly lines: () => readonly Line[];
  /** Resolves with the first line, old or new, that fits. */
  readonly saw: (event: string, fits?: (line: Line) => boolean) => Promise<Line>;
  /** SIGKILL, to the relay itself, whatever it was started by. */
  readonly kill: () => Promise<void>;
  /** Signals every process of the group, as a terminal does; resolves with the exit code. Not on Windows. */
  readonly signalGroup: (name: NodeJS.Signals) => Promise<number | null>;
  /** Resolves with the exit code when it has ended by itself. */
  readonly exit: Promise<number | null>;
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | null>;
  /** Lets the process stand still, as a paused machine does. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly errors: () => string;
};

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) signal(groupOf(child), "SIGKILL");
});

/** What stands for the whole group of a process, where there is such a thing. */
const groupOf = ({ pid = 0 }: ChildProcess): number => (process.platform === "win32" ? pid : -pid);

/** Signals a process that may be gone already. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Starts a relay with these settings and nothing else of the environment's. */
export function startRelayProcess(
  settings: Readonly<Record<string, string>>,
  [program, ...args]: RelayCommand = [process.execPath, entry],
): RelayProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RELAY_"));
  const child = spawn(program, args, {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that signalGroup does not reach the tests.
    detached: process.platform !== "win32",
  });
  running.add(child);
  const exit = once(child, "close").then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  const lines: Line[] = [];
  const waiters = new Set<(line: Line) => void>();
  let rest = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    const whole = (rest + part).split("\n");
    rest = whole.pop() ?? "";
    for (const text of whole) {
      // npm says what it runs.
      if (!text.startsWith("{")) continue;
      const line = JSON.parse(text) as Line;
      lines.push(line);
      for (const tell of waiters) tell(line);
    }
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => (errors += part));
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
      const pid = lines.find(({ event }) => event === "relay.start")?.["pid"] ?? child.pid;
      if (running.has(child)) signal(Number(pid), "SIGKILL");
      await exit;
    },
    signalGroup: (name) => {
      signal(groupOf(child), name);
      return exit;
    },
    stop: async () => {
      child.kill("SIGTERM");
      return exit;
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    errors: () => errors,
  };
}
