/**
 * Restarting devices of a run that did not succeed, in the page's three ways: the whole template, from the last failed
 * required action, from a chosen action. Says for each device where it would begin and what it keeps of before, or why it
 * cannot. Nothing is ever done in a wider way than was asked for. Pure.
 */
import type { Item } from "../../fanout/state/item.ts";
import type { Fault } from "../../kernel/failure.ts";
import { deviceRunIn } from "../device-run.ts";
import { type Bucket, bucketOf } from "../run.ts";
import { type PlacedAction, sections } from "../templates/template.ts";

/** The ways. */
export const restartModes = ["whole", "lastFailedRequired", "fromAction"] as const;
export type RestartMode = (typeof restartModes)[number];

/** What is asked for. */
export type RestartChoice = {
  readonly mode: RestartMode;
  /** Of `fromAction`: the action that devices begin at. */
  readonly actionId?: string | undefined;
  /** Which devices, where none are named. */
  readonly include: readonly ("failed" | "notAttempted")[];
  readonly deviceIds?: readonly string[] | undefined;
  /** Required actions that need not have succeeded, each with a reason. */
  readonly waive: readonly { readonly actionId: string; readonly reason: string }[];
};

/** A device that would be restarted: at which action it begins. What lies before it is inherited. */
export type Restarted = {
  readonly deviceId: string;
  readonly name: string;
  readonly step: number;
  /** Actions of which nobody can tell whether they were done: from `step` on they would be done again. */
  readonly doubtful?: readonly number[];
};

/** What a restart would do; or every reason why nothing of it is done. */
export type RestartPlan =
  | { readonly kind: "plan"; readonly devices: readonly Restarted[] }
  | {
      readonly kind: "refused";
      readonly code: RestartRefusal;
      readonly detail: string;
      readonly faults?: readonly Fault[];
    };

/** Why a restart is refused. */
export type RestartRefusal =
  | "section-not-restartable"
  | "template-changed"
  | "nothing-to-restart"
  | "not-restartable";

/** What it is decided by. */
export type RestartFacts = {
  /** The run's actions, and those of the template as it is now. */
  readonly actions: readonly PlacedAction[];
  readonly actionsNow: readonly PlacedAction[];
  readonly items: readonly Item[];
  /** Devices that another run has now, with its id. */
  readonly busy: ReadonlyMap<string, string>;
  /** Devices that have left the directory, or that whoever asks does not reach. */
  readonly gone: ReadonlySet<string>;
};

/** Plans a restart. */
export function planRestart(choice: RestartChoice, facts: RestartFacts): RestartPlan {
  const { mode, actionId, deviceIds } = choice;
  if (mode !== "whole" && !sameOrder(facts))
    return refused(
      "template-changed",
      "The template's actions are others, or in another order, than those of the run, so that no device can go on in them. Restart the whole template.",
    );
  const from = facts.actions.findIndex(({ action }) => action.id === actionId);
  const chosen = facts.actions[from];
  if (mode === "fromAction" && chosen === undefined)
    return refused("not-restartable", "The template has no such action.", [
      { pointer: "/actionId", detail: "no action of the run's template" },
    ]);
  if (mode === "fromAction" && chosen !== undefined && !sections[chosen.section].restartable)
    return refused(
      "section-not-restartable",
      `Devices can be restarted at actions of ${restartableNames} only. ${chosen.action.name} is in ${sections[chosen.section].en}, around which no device can be reached.`,
    );
  const faults: Fault[] = [];
  const devices: Restarted[] = [];
  for (const { item, pointer } of asked(choice, facts, faults)) {
    const start = startOf(item, choice, from, facts);
    if (typeof start === "number") devices.push(restartedAt(item, start));
    else if (deviceIds !== undefined || start.isGrave)
      faults.push({ pointer, detail: `${item.name || item.targetId}: ${start.why}` });
  }
  if (faults.length > 0)
    return refused(
      "not-restartable",
      "Some devices cannot be restarted in this way; nothing was.",
      faults,
    );
  return devices.length === 0
    ? refused("nothing-to-restart", "No device of the run can be restarted in this way.")
    : { kind: "plan", devices };
}

const refused = (code: RestartRefusal, detail: string, faults?: readonly Fault[]): RestartPlan => ({
  kind: "refused",
  code,
  detail,
  ...(faults === undefined ? {} : { faults: faults.slice(0, maxFaults) }),
});

const maxFaults = 100;

const restartableNames = Object.values(sections)
  .flatMap(({ en, restartable }) => (restartable ? [en] : []))
  .join(" and ");

/** Parameters may have changed, which is often the repair; what is done, and in which order, must not. */
const sameOrder = ({ actions, actionsNow }: RestartFacts): boolean =>
  actions.length === actionsNow.length &&
  actions.every(({ section, action: { id, type, required } }, at) => {
    const now = actionsNow[at];
    return (
      now?.section === section &&
      now.action.id === id &&
      now.action.type === type &&
      now.action.required === required
    );
  });

type Named = { readonly item: Item; readonly pointer: string };

/** The devices that are asked for: those that are named, or all of some buckets. */
function asked(
  { deviceIds, include }: RestartChoice,
  { items }: RestartFacts,
  faults: Fault[],
): Named[] {
  const wanted = new Set<Bucket>(include);
  if (deviceIds === undefined)
    return items
      .filter((item) => wanted.has(bucketOf(item)))
      .map((item) => ({ item, pointer: "/include" }));
  const byId = new Map(items.map((item) => [item.targetId, item]));
  return [...deviceIds.entries()].flatMap(([index, id]) => {
    const item = byId.get(id);
    const pointer = `/deviceIds/${index}`;
    if (item === undefined) faults.push({ pointer, detail: "no device of this run" });
    return item === undefined ? [] : [{ item, pointer }];
  });
}

type Why = {
  readonly why: string /** Refused also where nobody named the device. */;
  readonly isGrave?: true;
};

/** At which action a device would begin, or why it cannot. */
function startOf(
  item: Item,
  { mode, waive }: RestartChoice,
  from: number,
  { actions, busy, gone }: RestartFacts,
): number | Why {
  const bucket = bucketOf(item);
  if (bucket === "successful") return { why: "it has succeeded" };
  if (bucket === "active" || bucket === "pending") return { why: "the run is not done with it" };
  const other = busy.get(item.targetId);
  if (other !== undefined) return { why: `run ${other} has it now` };
  if (gone.has(item.targetId)) return { why: "it is not there for you any more" };
  const { step: reached = 0 } = item;
  switch (mode) {
    case "whole":
      return 0;
    case "lastFailedRequired":
      // Whoever ended while it waited has not failed at the action.
      return bucket === "failed" && item.attempts > 0 && actions[reached]?.action.required
        ? reached
        : { why: "no required action has failed there" };
    case "fromAction": {
      const missing = actions
        .slice(reached, from)
        .filter(
          ({ action }) => action.required && !waive.some(({ actionId }) => actionId === action.id),
        )
        .map(({ action }) => action.name);
      return missing.length === 0
        ? from
        : {
            why: `required before it and not done: ${missing.join(", ")}; waive each with a reason`,
            isGrave: true,
          };
    }
  }
}

function restartedAt(item: Item, step: number): Restarted {
  const { targetId: deviceId, name, step: reached = 0 } = item;
  const { doubtful: behind = [] } = deviceRunIn(item);
  const isUnseen = item.attempts > 0 && unseen.has(item.state);
  const doubtful = isUnseen ? [...behind, reached] : behind;
  return { deviceId, name, step, ...(doubtful.length === 0 ? {} : { doubtful }) };
}

const unseen: ReadonlySet<Item["state"]> = new Set(["unknown", "expired", "offline"]);

// What may have changed between the offer and its confirmation.

/** An offer as it was made: what stands in it decides whether it still holds. */
export type OfferFacts = {
  readonly templateHash: string;
  /** Of what the tenant's variables are, for all and for these devices. */
  readonly variables: string;
  readonly devices: readonly (readonly [
    deviceId: string,
    step: number,
    state: string,
    attempts: number,
  ])[];
};

/** What of an offer is no longer so, in words; empty while it holds. */
export function changedSince(before: OfferFacts, now: OfferFacts): string[] {
  const changes: string[] = [];
  if (before.templateHash !== now.templateHash) changes.push("the template has a newer version");
  if (before.variables !== now.variables) changes.push("the tenant's variables are others");
  const byId = new Map(now.devices.map((each) => [each[0], each]));
  for (const each of before.devices) {
    const other = byId.get(each[0]);
    if (other === undefined) changes.push(`device ${each[0]} can no longer be restarted`);
    else if (each.join() !== other.join())
      changes.push(`device ${each[0]} was ${each[2]} and is ${other[2]}`);
    byId.delete(each[0]);
  }
  for (const id of byId.keys()) changes.push(`device ${id} can be restarted, too, by now`);
  return changes;
}
