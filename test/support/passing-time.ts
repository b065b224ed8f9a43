/**
 * Time that a test need not wait for: the clock is set forward instead. Everything of a rig that asks what time it is,
 * the sandbox too, lives in this process, and what Azurite says of the time goes along. Only what answers slowly takes
 * real time.
 */
import { ServiceClock } from "../../shared/storage/storage.ts";

const machine = Date.now;
let aheadMs = 0;

type Learn = (this: ServiceClock, date: string | undefined) => void;
const learn: Learn = Reflect.get(ServiceClock.prototype, "learn");
Reflect.set(ServiceClock.prototype, "learn", function (this: ServiceClock, date?: string) {
  const said = date === undefined || aheadMs === 0 ? date : later(date);
  learn.call(this, said);
});
const later = (date: string): string => new Date(Date.parse(date) + aheadMs).toUTCString();

/** Lets time pass at once. */
export function passTime(ms: number): void {
  aheadMs += Math.max(0, Math.ceil(ms));
  Date.now = () => machine() + aheadMs;
}

/** Back to the machine's time. */
export function stopPassing(): void {
  aheadMs = 0;
  Date.now = machine;
}
