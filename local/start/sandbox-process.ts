/**
 * Runs the sandbox as a child that lives no longer than its parent.
 *
 * Only the parent ends it: a Ctrl-C reaches every process of the terminal at once, and the functions
 * still talk to the sandbox while they drain.
 */
import { startSandbox } from "../sandbox/sandbox.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit());

const [home = "", port, signInPort] = process.argv.slice(2);
const sandbox = await startSandbox({
  home,
  port: Number(port),
  signInPort: Number(signInPort),
  log: (line) => console.log(line),
});
const { stop: _, ...announcement } = sandbox;
process.send?.(announcement);
