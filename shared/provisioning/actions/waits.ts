/** Actions that only wait: for a time, for a device to be seen, for a condition of it to hold. Nobody is asked for one. */
import { type Clock, durationMs, type Instant, toIso } from "../../kernel/clock.ts";
import type { Asked, Step, StepCall, StepFinding, StepOutcome, StepSurvey } from "./action-type.ts";
import { Condition, type DeviceFacts, holds } from "./condition.ts";
import {
  type Listed,
  type ListWatch,
  type ManagedEntry,
  managedDevices,
  membersOf,
  type RegisteredEntry,
  registeredDevices,
} from "./watch.ts";

/** Entries of a page of the lists. */
const perPage = 1_000;

/** One call for all. */
const together = (asked: readonly Asked[]): readonly StepCall[] =>
  asked.length === 0
    ? []
    : [{ asked, targetIds: asked.map(({ item }) => item.targetId), perTarget: false }];

/** One answer for all of a call. */
const forAll = ({ targetIds }: StepCall, outcome: StepOutcome): ReadonlyMap<string, StepOutcome> =>
  new Map(targetIds.map((id) => [id, outcome]));

/** When an item was asked for: what it waits for counts from then on. */
export const sinceOf = ({ item }: Asked): Instant => item.claimedAt ?? item.at;

const anyDevice = { mayRepeat: true, isFree: true, refuse: () => undefined } as const;

/** Waits for a time: its end is noted when it begins, and it is done by whoever comes then. */
export const waitStep = (clock: Clock): Step => ({
  ...anyDevice,
  calls: together,
  execute(_, { asked, targetIds }) {
    const now = clock.now();
    const byId = new Map(asked.map((one) => [one.item.targetId, one]));
    const outcomes = targetIds.map((id): readonly [string, StepOutcome] => {
      const one = byId.get(id);
      const noted = Number(one?.device.note);
      const until =
        noted > 0 ? noted : now + (durationMs(String(one?.parameters["duration"])) ?? 0);
      if (until <= now) return [id, { kind: "done" }];
      return [
        id,
        {
          kind: "later",
          afterMs: until - now,
          throttled: false,
          code: "waiting",
          why: `waits until ${toIso(until)}`,
          note: String(until),
        },
      ];
    });
    return Promise.resolve(new Map(outcomes));
  },
  readsOf: () => 0,
  readBack: (_, asked) =>
    Promise.resolve(
      new Map(asked.map(({ item }) => [item.targetId, { kind: "nothing", awake: true }])),
    ),
});

/** What lists tell of a device that waits; `why`: what keeps the lists from being read. */
type Judge = (asked: Asked) => StepFinding;

/** A step that begins by itself, and ends by what lists show, read once for all that wait. */
function watchedStep(
  judgeFor: (
    tenantId: string,
    asked: readonly Asked[],
  ) => Promise<{
    readonly judge: Judge;
    readonly requests: number;
  }>,
): Step {
  return {
    ...anyDevice,
    calls: together,
    execute: (_, call) => Promise.resolve(forAll(call, { kind: "accepted" })),
    readsOf: (asked) => asked.length / perPage,
    async readBack(tenantId, asked) {
      const { judge } = await judgeFor(tenantId, asked);
      return new Map(asked.map((one) => [one.item.targetId, judge(one)]));
    },
    async survey(tenantId, asked): Promise<StepSurvey> {
      const { judge, requests } = await judgeFor(tenantId, asked);
      return { requests, isWhole: true, covers: () => true, find: judge };
    },
  };
}

const waiting: StepFinding = { kind: "pending", awake: true };

const gone: StepFinding = {
  kind: "gone",
  code: "device-gone",
  detail: "Intune no longer knows the device",
};

/** What is known of a key from pages read since: a list that has been read whole since knows that it is not there. */
export function seenIn<T>(
  listed: Listed<T>,
  key: string,
  since: Instant,
): { readonly value: T } | "missing" | undefined {
  const entry = listed.find(key);
  if (entry !== undefined && entry.at >= since) return entry;
  const isWhole = listed.wholeSince !== undefined && listed.wholeSince >= since;
  return isWhole ? "missing" : undefined;
}

/** Nothing new is known: a list that cannot be read is said to be in the way. */
const unknownIn = (lists: readonly Listed<unknown>[]): StepFinding => {
  const why = lists.find((listed) => listed.why !== undefined)?.why;
  return why === undefined ? waiting : { kind: "unreadable", why };
};

/** Waits until the device was in touch with Intune. */
export const checkInStep = (watch: ListWatch): Step =>
  watchedStep(async (tenantId) => {
    const listed = await watch.latest(tenantId, managedDevices);
    const judge: Judge = (one) => {
      const since = sinceOf(one);
      const seen = seenIn(listed, one.item.targetId, since);
      if (seen === undefined) return unknownIn([listed]);
      if (seen === "missing") return gone;
      const at = Date.parse(seen.value.lastSyncDateTime ?? "");
      return at >= since ? { kind: "ended", event: "finish" } : { kind: "pending", awake: false };
    };
    return { judge, requests: listed.requests };
  });

const ofRegistration = new Set(["groupTag", "autopilotProfile"]);
const assigned = /^assigned/;

/** Waits until all conditions of an action hold. */
export const conditionStep = (watch: ListWatch): Step =>
  watchedStep(async (tenantId, asked) => {
    const all = new Map(asked.map((one) => [one, conditionsOf(one)]));
    const wanted = [...all.values()].flat();
    const groupIds = new Set(
      wanted.flatMap((each) => (each.property === "group" ? [each.value] : [])),
    );
    const isAbout = (test: (property: string) => boolean) =>
      wanted.some(({ property }) => test(property));
    const registered = isAbout((property) => ofRegistration.has(property))
      ? await watch.latest(tenantId, registeredDevices)
      : undefined;
    const managed = isAbout((property) => property !== "group" && !ofRegistration.has(property))
      ? await watch.latest(tenantId, managedDevices)
      : undefined;
    const groups = new Map<string, Listed<true>>();
    for (const groupId of groupIds)
      groups.set(groupId, await watch.latest(tenantId, membersOf(groupId)));
    const lists = [managed, registered, ...groups.values()].filter(
      (listed) => listed !== undefined,
    );
    const judge: Judge = (one) => {
      const facts = factsOf(one, { managed, registered, groups });
      if (facts === "gone") return gone;
      const results = (all.get(one) ?? conditionsOf(one)).map((each) => holds(each, facts));
      if (results.every((result) => result === true)) return { kind: "ended", event: "finish" };
      return results.includes(undefined) ? unknownIn(lists) : waiting;
    };
    return { judge, requests: lists.reduce((sum, { requests }) => sum + requests, 0) };
  });

const conditionsOf = ({ parameters }: Asked): readonly Condition[] =>
  Condition.array().parse(parameters["conditions"]);

type Lists = {
  readonly managed: Listed<ManagedEntry> | undefined;
  readonly registered: Listed<RegisteredEntry> | undefined;
  readonly groups: ReadonlyMap<string, Listed<true>>;
};

/** What lists that were read since the wait began tell of the device. */
function factsOf(one: Asked, { managed, registered, groups }: Lists): DeviceFacts | "gone" {
  const { item, device } = one;
  const since = sinceOf(one);
  const own = managed && seenIn(managed, item.targetId, since);
  if (own === "missing") return "gone";
  const entry = registered && seenIn(registered, item.targetId, since);
  const inGroups = [...groups].map(
    ([groupId, listed]) => [groupId, seenIn(listed, device.entraDeviceId ?? "", since)] as const,
  );
  const isKnown = inGroups.every(([, seen]) => seen !== undefined);
  const isIn = inGroups.filter(([, seen]) => seen !== "missing").map(([groupId]) => groupId);
  return {
    ...(own === undefined ? {} : given(own.value)),
    ...(entry === undefined ? {} : registrationIn(entry)),
    ...(isKnown ? { groups: new Set(isIn) } : {}),
  };
}

/** What a row says, without what it does not. */
const given = (facts: Readonly<Record<string, string | undefined>>): DeviceFacts =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));

/** A device that is not registered has no tag and no profile. */
function registrationIn(entry: { readonly value: RegisteredEntry } | "missing"): DeviceFacts {
  if (entry === "missing") return { groupTag: "", autopilotProfile: "notAssigned" };
  const { groupTag, deploymentProfileAssignmentStatus: status = "" } = entry.value;
  return { groupTag, autopilotProfile: assigned.test(status) ? "assigned" : "notAssigned" };
}
