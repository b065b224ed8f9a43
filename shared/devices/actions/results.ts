/** What a device's `deviceActionResults` say about something that we asked of it. Pure. */
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";

/**
 * Times in results and in our marks come from different machines. Taking a result that is a little older
 * for ours is the harmless mistake; the other one would ask a device twice.
 */
export const skewMs = 10_000;

/** Graph may cut its times to whole seconds. */
const roundingMs = 1_000;

/**
 * The time to ask for where taking an older result for ours is the harmful mistake: nobody knows whether we asked
 * at all, and a restart by somebody else a few seconds earlier proves nothing about ours.
 */
export const strictly = (since: Instant): Instant => since + skewMs - roundingMs;

const ActionResult = z.object({
  actionName: z.string().nullish(),
  actionState: z.string().nullish(),
  startDateTime: z.string().nullish(),
  errorCode: z.number().nullish(),
});

/** The part of a managed device that confirmation reads. */
export const DeviceResults = z.object({
  id: z.string().toLowerCase(),
  lastSyncDateTime: z.string().nullish(),
  deviceActionResults: z.array(ActionResult).nullish(),
});
export type DeviceResults = z.output<typeof DeviceResults>;

/** What became of an action, as far as the device has reported. */
export type Verdict = "none" | "pending" | "done" | "failed" | "notSupported" | "cancelled";

const verdicts: Readonly<Record<string, Verdict>> = {
  none: "pending",
  pending: "pending",
  active: "pending",
  done: "done",
  failed: "failed",
  notSupported: "notSupported",
  canceled: "cancelled",
};

/** What a state of Graph's says. One that we do not know is not the end. */
export const verdictOfState = (state: string | null | undefined): Verdict =>
  verdicts[state ?? ""] ?? "pending";

/**
 * The verdict on an action asked for at `since`. There is no operation id on Graph's side: the newest
 * result of a matching name that began at or after our mark is taken for ours.
 */
export function verdictOf(
  device: DeviceResults,
  resultNames: readonly string[],
  since: Instant,
): Verdict {
  const names = new Set(resultNames.map((name) => name.toLowerCase()));
  let newest: { at: Instant; verdict: Verdict } | undefined;
  for (const result of device.deviceActionResults ?? []) {
    if (!names.has((result.actionName ?? "").toLowerCase())) continue;
    const at = Date.parse(result.startDateTime ?? "");
    if (Number.isNaN(at) || at < since - skewMs || (newest && at < newest.at)) continue;
    newest = { at, verdict: verdictOfState(result.actionState) };
  }
  return newest?.verdict ?? "none";
}

/** True when the device has been in touch with Intune after `since`. */
export function seenSince({ lastSyncDateTime }: DeviceResults, since: Instant): boolean {
  const at = Date.parse(lastSyncDateTime ?? "");
  return !Number.isNaN(at) && at >= since;
}
