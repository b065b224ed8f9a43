/**
 * What comes of an action for a device run: done, once more, on with a warning, or the end. Actions say what happened;
 * template and run decide what follows. Pure.
 */
import type { Finding, Outcome } from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import type { Instant } from "../kernel/clock.ts";
import type { Left, Step, StepFinding, StepOutcome } from "./actions/action-type.ts";
import { beforeNext, type DeviceRun, deviceRunIn, packDeviceRun } from "./device-run.ts";
import type { TemplateAction } from "./templates/template.ts";

/** The action that an item is at. */
export type At = {
  readonly action: Pick<TemplateAction, "required" | "retry" | "timeoutSeconds">;
  readonly step: Pick<Step, "mayRepeat" | "isFree">;
  readonly now: Instant;
};

type Why = { readonly code: string; readonly detail: string };

/** The condition of an action does not hold for a device, so that it is left out. */
export const skippedByCondition: Why = {
  code: "skipped-condition",
  detail: "its condition does not hold for this device",
};
const timedOut = "timed-out";

/** What the action has left in the device run so far, and leaves now. */
function devices(item: Item, left: Left, now: Instant): DeviceRun {
  const device = deviceRunIn(item);
  const { note = device.note, requestId = device.requestId } = left;
  const { output, outputId } = left.output === undefined ? device : left;
  // What waited when it was asked has the claim of the attempt before, if any.
  const claimedAt = item.state === "waiting" ? undefined : item.claimedAt;
  return {
    ...device,
    begunAt: device.begunAt ?? claimedAt ?? now,
    ...(note === undefined ? {} : { note }),
    ...(output === undefined ? {} : { output }),
    ...(outputId === undefined ? {} : { outputId }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** What history keeps: of the device itself only what the attempt was decided by is told elsewhere. */
const keptOf = ({ warnings, retries, output, outputId, requestId }: DeviceRun): string =>
  packDeviceRun({
    operatingSystem: "",
    managementAgent: "",
    osVersion: "",
    warnings,
    retries,
    ...(output === undefined ? {} : { output }),
    ...(outputId === undefined ? {} : { outputId }),
    ...(requestId === undefined ? {} : { requestId }),
  });

/** Its time begins when it is taken. */
function unbegun(device: DeviceRun): DeviceRun {
  const { begunAt: _, ...rest } = device;
  return rest;
}

const endsAt = ({ begunAt = 0 }: DeviceRun, { action }: At): Instant =>
  begunAt + action.timeoutSeconds * 1000;

/** How an action that failed goes on. `isRefusal`: it was refused outright, and will be again. */
function afterFailure(
  device: DeviceRun,
  { action }: At,
  isRefusal: boolean,
):
  | { readonly kind: "again"; readonly afterMs: number; readonly next: DeviceRun }
  | { readonly kind: "on"; readonly next: DeviceRun }
  | { readonly kind: "end" } {
  const { retry, required } = action;
  const mayTry = device.retries < retry.max && (retry.on === "any" || !isRefusal);
  const { note: _, begunAt: _begun, ...rest } = device;
  // Each attempt has its own time, and finds its own result.
  if (mayTry)
    return {
      kind: "again",
      afterMs: retry.delaySeconds * 1000,
      next: { ...rest, retries: device.retries + 1 },
    };
  if (required) return { kind: "end" };
  return { kind: "on", next: { ...beforeNext(device), warnings: device.warnings + 1 } };
}

/** What an outcome of an action means for its device run. */
export function outcomeFor(item: Item, outcome: StepOutcome, at: At): Outcome {
  const device = devices(item, outcome, at.now);
  switch (outcome.kind) {
    case "accepted":
      return { kind: "accepted", learned: packDeviceRun(device) };
    case "done":
      return {
        ...reasonIn(outcome),
        kind: "done",
        learned: packDeviceRun(beforeNext(device)),
        kept: keptOf(device),
      };
    case "failed":
    case "declined":
      return failedOutcome(device, outcome, at, true);
    case "later": {
      const isTimed = !at.step.isFree && !outcome.isHeld;
      const isOver = isTimed && at.now + (outcome.afterMs ?? 0) >= endsAt(device, at);
      if (isOver) return failedOutcome(device, timeIsUp(outcome.why), at, false);
      const { afterMs, throttled, code, why } = outcome;
      const waits = afterMs === undefined ? {} : { afterMs };
      return {
        kind: "later",
        ...waits,
        throttled,
        code,
        why,
        learned: packDeviceRun(outcome.isHeld ? unbegun(device) : device),
        // Who only waits has tried nothing.
        kept: isTimed ? keptOf(device) : "",
      };
    }
    case "singly":
    case "unclear":
      return untold(outcome);
  }
}

/** The engine's part of it. */
function untold(outcome: Extract<StepOutcome, { readonly kind: "singly" | "unclear" }>): Outcome {
  const { requestId: _, ...rest } = outcome;
  return rest;
}

const reasonIn = ({ code, detail }: { readonly code?: string; readonly detail?: string }) => ({
  ...(code === undefined ? {} : { code }),
  ...(detail === undefined ? {} : { detail }),
});

const timeIsUp = (latest: string): Why => ({
  code: timedOut,
  detail: `its time is over; the latest: ${latest}`,
});

function failedOutcome(
  device: DeviceRun,
  { code, detail }: Why,
  at: At,
  isRefusal: boolean,
): Outcome {
  const after = afterFailure(device, at, isRefusal);
  const kept = keptOf(device);
  switch (after.kind) {
    case "again": {
      const { afterMs, next } = after;
      const learned = packDeviceRun(next);
      return { kind: "later", afterMs, throttled: false, code, why: detail, learned, kept };
    }
    case "on":
      return { kind: "done", code, detail, learned: packDeviceRun(after.next), kept };
    case "end":
      return { kind: "failed", code, detail, kept };
  }
}

/** What the far side shows of an action, for its device run. */
export function findingFor(item: Item, finding: StepFinding, at: At): Finding {
  const device = devices(item, finding, at.now);
  switch (finding.kind) {
    case "ended": {
      if (finding.event === "finish") {
        const learned = packDeviceRun(beforeNext(device));
        return {
          ...reasonIn(finding),
          kind: "ended",
          event: "finish",
          learned,
          kept: keptOf(device),
        };
      }
      if (finding.event === "repeat" || finding.event === "lose") return plainly(finding, device);
      const { code = "failed", detail = "it failed" } = finding;
      return failedFinding(device, { code, detail }, at);
    }
    case "pending":
    case "nothing":
    case "unreadable": {
      if (item.state !== "sent" || at.now < endsAt(device, at)) return finding;
      const shown = {
        pending: "it was still under way",
        nothing: "nothing of it was to be seen",
        unreadable: `it could not be read: ${"why" in finding ? finding.why : "no answer"}`,
      };
      const why = timeIsUp(shown[finding.kind]);
      return at.step.mayRepeat ? failedFinding(device, why, at) : inDoubt(item, device, why, at);
    }
    case "gone":
      return finding;
  }
}

/** It may have been done, and must not be done twice: a person decides, or it goes on and whoever begins before it again is told. */
function inDoubt({ step = 0 }: Item, device: DeviceRun, why: Why, at: At): Finding {
  if (at.action.required) return { kind: "ended", event: "lose", ...why, kept: keptOf(device) };
  const doubtful = [...(device.doubtful ?? []), step];
  return failedFinding({ ...device, doubtful }, why, at, true);
}

const plainly = (
  { event, code, detail, notBefore }: Extract<StepFinding, { kind: "ended" }>,
  device: DeviceRun,
): Finding => ({
  ...reasonIn({ ...(code && { code }), ...(detail && { detail }) }),
  kind: "ended",
  event,
  ...(notBefore === undefined ? {} : { notBefore }),
  learned: packDeviceRun(device),
  kept: keptOf(device),
});

function failedFinding(device: DeviceRun, why: Why, at: At, isLast = false): Finding {
  const { action } = at;
  const shown = isLast ? { ...at, action: { ...action, retry: { ...action.retry, max: 0 } } } : at;
  const after = afterFailure(device, shown, false);
  const kept = keptOf(device);
  switch (after.kind) {
    case "again": {
      const notBefore = at.now + after.afterMs;
      const learned = packDeviceRun(after.next);
      return { kind: "ended", event: "repeat", ...why, notBefore, learned, kept };
    }
    case "on":
      return { kind: "ended", event: "finish", ...why, learned: packDeviceRun(after.next), kept };
    case "end":
      return { kind: "ended", event: "fail", ...why, kept };
  }
}
