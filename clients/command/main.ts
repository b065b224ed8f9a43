/**
 * `npm run muster -- COMMAND`: Muster from a terminal. It stands on the API as any other caller does (`clients/api.ts`);
 * results go to the standard output, as tables or with --json as they came, and progress goes beside them.
 *
 * Exit codes: 0 done, 1 some failed, 2 refused or not understood, 3 Muster was not reached.
 */
import { parseArgs } from "node:util";
import { approvalsCommand } from "./approvals.ts";
import { type Command, exitCodes, type OptionName, optionTable, Stop } from "./asked.ts";
import { devicesCommand, tenantsCommand } from "./fleet.ts";
import { cancelCommand, retryCommand, sendCommand, watchCommand } from "./notifications.ts";
import { registerCommand } from "./register.ts";
import { openApi, signInCommand, signOutCommand, tenantIn } from "./session.ts";
import { syncCommand } from "./sync.ts";
import { taskCommand } from "./tasks.ts";

const commands: Readonly<Record<string, Command>> = {
  "sign-in": signInCommand,
  "sign-out": signOutCommand,
  tenants: tenantsCommand,
  devices: devicesCommand,
  send: sendCommand,
  watch: watchCommand,
  retry: retryCommand,
  cancel: cancelCommand,
  approvals: approvalsCommand,
  sync: syncCommand,
  task: taskCommand,
  register: registerCommand,
};

/** What every command takes. */
const common: readonly OptionName[] = ["as", "json", "help"];

const usageOf = (name: string, { words: [, , names], takes, is }: Command): string =>
  [
    `npm run muster -- ${[name, names].filter(Boolean).join(" ")}`,
    `    ${is}`,
    `    ${[...takes, ...common].map((option) => `--${option}`).join(" ")}`,
  ].join("\n");

const usage = (): string =>
  [...Object.entries(commands).map(([name, command]) => usageOf(name, command)), ""].join("\n\n");

/**
 * Before a `--` that its shell or it has lost, npm takes options for its own: a `--dry-run` that is gone so would send.
 */
function refuseLostOptions(environment: NodeJS.ProcessEnv): void {
  const lost = Object.keys(optionTable).filter(
    (name) => environment[`npm_config_${name.replaceAll("-", "_")}`],
  );
  if (lost.length === 0 || environment["npm_lifecycle_event"] !== "muster") return;
  throw new Stop(
    `npm has taken --${lost.join(", --")} for its own. In PowerShell, write "--" with its quotes.`,
  );
}

/** Reads a command's line, and refuses all of it where something is not understood. */
function read(command: Command, line: readonly string[]) {
  const known = [...command.takes, ...common].map((name) => [name, optionTable[name]] as const);
  const options = Object.fromEntries(known) as typeof optionTable;
  try {
    const { values, positionals } = parseArgs({ args: [...line], options, allowPositionals: true });
    return { options: values, words: positionals };
  } catch (cause) {
    throw new Stop((cause as Error).message);
  }
}

async function run([name = "", ...line]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    console.log(usage());
    return name === "" || name === "--help" ? exitCodes.done : exitCodes.refused;
  }
  refuseLostOptions(process.env);
  const { options, words } = read(command, line);
  const [least, most] = command.words;
  if (options.help || words.length < least || words.length > most) {
    console.log(usageOf(name, command));
    return options.help ? exitCodes.done : exitCodes.refused;
  }
  // Opened where it is needed: whoever signs out needs no Muster.
  const asked = {
    words,
    options,
    get api() {
      return openApi(process.env, options.as);
    },
    tenantId: () => tenantIn(asked.api, options.tenant),
  };
  return command.run(asked);
}

const line = process.argv.slice(2);
try {
  process.exitCode = await run(line);
} catch (cause) {
  if (!(cause instanceof Stop)) throw cause;
  console.error(cause.message);
  if (line.includes("--json") && cause.problem !== undefined)
    console.log(JSON.stringify(cause.problem, undefined, 2));
  process.exitCode = cause.exitCode;
}
