/**
 * Runs a program of this project on the pinned Node, after installing what is missing:
 * `node scripts/run.mjs <program> [argument ...]`.
 *
 * One process must do both: in `node install && node program` the shell remembers where it found the
 * first `node`, and the second would run on the machine's old one.
 */
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { ensureInstalled, pinnedNode, root } from "./ensure-installed.mjs";

const [program, ...rest] = process.argv.slice(2);
try {
  await ensureInstalled();
} catch (cause) {
  console.error(cause.message);
  process.exit(1);
}

const path = [join(root, "node_modules", ".bin"), process.env.PATH ?? process.env.Path].join(
  delimiter,
);
const child = spawn(pinnedNode, [join(root, program), ...rest], {
  stdio: "inherit",
  env: { ...process.env, PATH: path },
});
// The program decides how to end; this process only passes on what it is told and waits.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (cause) => {
  console.error(cause.message);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
