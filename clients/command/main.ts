/**
 * `npm run muster -- COMMAND`: Muster from a terminal. It stands on the API as any other caller does (`clients/api.ts`);
 * results go to the standard output, as tables or with --json as they came, and progress goes beside them.
 *
 * Exit codes: 0 done, 1 some failed, 2 refused or not understood, 3 Muster was not reached.
 */
import { parseArgs } from "node:util";
import { type Commands, exitCodes, flags, lists, type Options, Stop, texts } from "./asked.ts";
import { jobCommands } from "./jobs.ts";
import { registerCommands } from "./register.ts";
import { restartCommands } from "./restart.ts";
import { sendCommands } from "./send.ts";
import { openApi, sessionCommands, tenantIn } from "./session.ts";
import { syncCommands } from "./sync.ts";
import { tableCommands } from "./tables.ts";

/** All there is, as it is printed and as it is read: a command, the words and the options behind it, what it is for. */
const usage = `
sign-in --admin                               Sign in, and stay so for about an hour
sign-out                                      Forget a sign-in
tenants --top                                 List tenants, with how their syncs stand
tenants add ID --name                         Register a tenant
devices --tenant --os --name --top            List devices
devices refresh --tenant --wait               Import a tenant's devices from Intune
send ACTION --tenant --device --collection --all --parameter --approximate --expires --note --dry-run --wait
                                              Send an action to devices, or say what would happen
watch [ID] --tenant --csv                     Watch what runs to its end: anything, by default the newest notification
retry ID --tenant --only --expires --wait     Do again what failed of it, as something new; last is the newest notification
restart RUN --tenant --device --mode --from --dry-run --wait
                                              Restart what failed of a provisioning run, by default at the failed action
cancel ID --tenant                            Begin nothing more of it
approvals --tenant --top                      List what waits for a second person
approvals approve ID --tenant --note          Approve one
approvals reject ID --tenant --note           Reject one
sync --tenant                                 How a tenant's sync stands
sync start --tenant --mode --wait             Start one
sync plan --tenant                            What it would change
sync approve --tenant --note --only           Let it change that; --only the plan of this hash
sync reject --tenant --note --only            Leave the tenant as it is
sync pause --tenant                           Begin nothing more of it until it is resumed
sync resume --tenant                          Go on with it
sync cancel --tenant                          Stop it
task --tenant --folder --top                  List scheduled tasks
task run ID --tenant                          Begin one now
task stop ID --tenant                         Take its schedule away
register FILE --tenant --check --partial --tag --wait
                                              Register a CSV file's devices into Autopilot; --check only judges it
`;
const common = "npm run muster -- COMMAND ..., and with each of them: --as NAME --json --help\n";
const runs: Commands = {
  ...sessionCommands,
  ...tableCommands,
  ...sendCommands,
  ...jobCommands,
  ...syncCommands,
  ...registerCommands,
  ...restartCommands,
};
const commands = Array.from(
  usage.matchAll(/^([a-z-]+(?: [a-z]+)?)((?: \[?[A-Z]+\]?)*)((?: --[a-z-]+)*)\s{2,}.*$/gm),
  ([text, name = "", words = "", takes = ""]) => ({
    text,
    name,
    least: words.match(/ [A-Z]/g)?.length ?? 0,
    most: words.split(" ").length - 1,
    takes: new Set(`--as --json --help${takes}`.split(" ")),
  }),
);
const optionNames = `${flags} ${texts} ${lists}`.split(" ");

/** Before a `--` that its shell or it has lost, npm takes options for its own: a `--dry-run` that is gone so would send. */
function refuseLostOptions(environment: NodeJS.ProcessEnv): void {
  const lost = optionNames.filter((name) => environment[`npm_config_${name.replaceAll("-", "_")}`]);
  if (lost.length === 0 || environment["npm_lifecycle_event"] !== "muster") return;
  throw new Stop(
    `npm has taken --${lost.join(", --")} for its own. In PowerShell, write "--" with its quotes.`,
  );
}

/** Reads a line. @throws Stop where there is an option in it that there is not. */
function read(args: string[]): { readonly options: Options; readonly positionals: string[] } {
  const options = Object.fromEntries(
    optionNames.map((name) => {
      const type = flags.split(" ").includes(name) ? "boolean" : "string";
      return [name, { type, multiple: lists.split(" ").includes(name) }] as const;
    }),
  );
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { options: values, positionals };
  } catch (cause) {
    throw new Stop((cause as Error).message);
  }
}

async function run(args: string[]): Promise<number> {
  const { options, positionals } = read(args);
  const [first = "", second = ""] = positionals;
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ??
    commands.find(({ name }) => name === first);
  if (command === undefined) {
    console.log(common + usage);
    return first === "" ? exitCodes.done : exitCodes.refused;
  }
  refuseLostOptions(process.env);
  const { name, takes, least, most, text } = command;
  const words = positionals.slice(name.split(" ").length);
  const other = Object.keys(options).find((option) => !takes.has(`--${option}`));
  if (other !== undefined) throw new Stop(`${name} does not take --${other}.\n${text}`);
  if (options.help || words.length < least || words.length > most) {
    console.log(`${common}\n${text}`);
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
  const ended = await runs[name]?.(asked);
  return ended ?? exitCodes.refused;
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
