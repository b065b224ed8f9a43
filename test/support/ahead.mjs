/**
 * Loaded into every process of a Muster (`NODE_OPTIONS`), it sets their clocks forward by what the file MUSTER_TEST_AHEAD
 * says, in ms, at any time: what waits for minutes comes at once. Timers take as long as ever.
 */
import { readFileSync } from "node:fs";

const file = process.env["MUSTER_TEST_AHEAD"] ?? "";
const Machine = Date;
let aheadMs = 0;
const now = () => Machine.now() + aheadMs;

globalThis.Date = new Proxy(Machine, {
  construct: (target, given, made) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, made),
  apply: () => new Machine(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
});

setInterval(() => {
  try {
    aheadMs = Number(readFileSync(file, "utf8")) || 0;
  } catch {
    // Nobody has set it.
  }
}, 200).unref();
