/**
 * Actions in the directory and in Autopilot's list: members of groups, group tags, assigned users. All of them come to
 * the same when they are done twice, so that whatever leaves open whether it was done is just done again.
 */
import * as z from "zod";
import { type GraphAnswer, requestIdOf, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Asked, NoRoute, Step, StepCall, StepFinding, StepOutcome } from "./action-type.ts";
import { conditionStep, seenIn, sinceOf } from "./waits.ts";
import { type ListWatch, registeredDevices } from "./watch.ts";

type Parts = { readonly graph: GraphClient; readonly watch: ListWatch };

/** A request for a device, or what came of looking for what it needs. */
type Prepared = { readonly request: GraphRequest } | { readonly outcome: StepOutcome };

/** What differs between these actions. */
type Plan = {
  readonly refuse: Step["refuse"];
  /** The requests for the devices of a call, in their order. */
  readonly prepare: (tenantId: string, asked: readonly Asked[]) => Promise<readonly Prepared[]>;
  readonly version: "v1.0" | "beta";
  /** What a refusal means that is none. */
  readonly forgive?: (
    answer: Extract<GraphAnswer, { kind: "refused" }>,
    asked: Asked,
  ) => StepOutcome | undefined;
  /** What it comes to when it was taken. */
  readonly taken: StepOutcome;
};

type Judging = Pick<Plan, "taken" | "forgive">;

const forgiven: StepFinding = { kind: "nothing", awake: true };

function directoryStep({ graph }: Parts, plan: Plan): Step {
  return {
    mayRepeat: true,
    isFree: false,
    refuse: plan.refuse,
    calls: (asked) =>
      inChunks(asked, maxBatchParts).map((some) => ({
        asked: some,
        targetIds: some.map(({ item }) => item.targetId),
        perTarget: true,
      })),
    async execute(tenantId, call, mayAsk) {
      const asked = cutOf(call);
      const prepared = await plan.prepare(tenantId, asked);
      const outcomes = new Map<string, StepOutcome>();
      const open: { readonly one: Asked; readonly request: GraphRequest }[] = [];
      for (const [at, one] of asked.entries()) {
        const next = prepared[at];
        if (next !== undefined && "request" in next) open.push({ one, request: next.request });
        else outcomes.set(one.item.targetId, next?.outcome ?? busy("nobody told"));
      }
      const answers =
        open.length > 0 && mayAsk()
          ? await graph.askTogether(
              tenantId,
              plan.version,
              open.map(({ request }) => request),
            )
          : [];
      for (const [at, { one }] of open.entries())
        outcomes.set(one.item.targetId, tracedBy(answers[at], outcomeOf(plan, one, answers[at])));
      return outcomes;
    },
    readsOf: () => 0,
    readBack: (_, asked) =>
      Promise.resolve(new Map(asked.map(({ item }) => [item.targetId, forgiven]))),
  };
}

/** What an answer came to, with Graph's id of its request for the history. */
export function tracedBy(answer: GraphAnswer | undefined, outcome: StepOutcome): StepOutcome {
  const requestId = requestIdOf(answer);
  return requestId === undefined ? outcome : { ...outcome, requestId };
}

/** The devices of a call that are left of it. */
function cutOf({ asked, targetIds }: StepCall): readonly Asked[] {
  const left = new Set(targetIds);
  return asked.filter(({ item }) => left.has(item.targetId));
}

const busy = (why: string, afterMs?: number, throttled = false): StepOutcome => ({
  kind: "later",
  throttled,
  code: "graph-busy",
  why,
  ...(afterMs === undefined ? {} : { afterMs }),
});

const codes: Readonly<Partial<Record<string, string>>> = {
  forbidden: "graph-forbidden",
  signedOut: "sign-in-failed",
};

const refusedBy = (answer: Extract<GraphAnswer, { kind: "refused" }>): StepOutcome => ({
  kind: "failed",
  code: codes[answer.reason] ?? "graph-refused",
  detail: wordsOf(answer),
});

function outcomeOf(plan: Judging, one: Asked, answer: GraphAnswer | undefined): StepOutcome {
  if (answer === undefined) return busy("the pass took too long");
  switch (answer.kind) {
    case "ok":
      return plan.taken;
    case "refused":
      return plan.forgive?.(answer, one) ?? refusedBy(answer);
    case "approvalNeeded":
      return {
        kind: "failed",
        code: "approval-needed-at-intune",
        detail: "Intune wants a second administrator to approve this; nothing was done",
      };
    default:
      // Unclear as well: done twice, it comes to the same.
      return busy(
        answer.why,
        "retryAfterMs" in answer ? answer.retryAfterMs : undefined,
        answer.kind === "throttled",
      );
  }
}

// Members of groups.

const done: StepOutcome = { kind: "done" };
const groupOf = ({ parameters }: Asked): string =>
  encodeURIComponent(String(parameters["groupId"]));

const withoutEntra: NoRoute = {
  code: "no-entra-device",
  detail: "the device is not in Entra, so it can be in no group",
};
const refuseWithoutEntra: Step["refuse"] = ({ entraDeviceId }) =>
  entraDeviceId === undefined ? withoutEntra : undefined;

const DirectoryObject = z.object({ id: z.string() });

/** Groups hold a device by the id of its object, which is none that Intune knows. */
const membersBy =
  ({ graph }: Parts, requestFor: (one: Asked, objectId: string) => GraphRequest): Plan["prepare"] =>
  async (tenantId, asked) => {
    const answers = await graph.askTogether(
      tenantId,
      "v1.0",
      asked.map(({ device }) => ({
        method: "GET",
        path: `/devices(deviceId='${encodeURIComponent(device.entraDeviceId ?? "")}')?$select=id`,
      })),
    );
    return asked.map((one, at): Prepared => {
      const answer = answers[at];
      const object = DirectoryObject.safeParse(answer?.kind === "ok" ? answer.body : undefined);
      return object.success
        ? { request: requestFor(one, object.data.id) }
        : { outcome: outcomeOf(lookedFor, one, answer) };
    });
  };

/** A device's object that was not found, or not in Graph's words. */
const lookedFor: Judging = {
  taken: busy("it is not Graph's answer"),
  forgive: ({ reason }) =>
    reason === "notFound" ? { kind: "failed", ...withoutEntra } : undefined,
};

/** Graph says so of whoever is in the group already, and says it in these words alone. */
const isThere = /already exist/i;

const adding = (parts: Parts, taken: StepOutcome): Plan => ({
  refuse: refuseWithoutEntra,
  version: "v1.0",
  prepare: membersBy(parts, (one, objectId) => ({
    method: "POST",
    path: `/groups/${groupOf(one)}/members/$ref`,
    // Graph reads the id out of it and asks nobody there.
    body: { "@odata.id": `https://graph.microsoft.com/v1.0/directoryObjects/${objectId}` },
  })),
  forgive: ({ message }) => (isThere.test(message) ? taken : undefined),
  taken,
});

const removing = (parts: Parts): Plan => ({
  refuse: refuseWithoutEntra,
  version: "v1.0",
  prepare: membersBy(parts, (one, objectId) => ({
    method: "DELETE",
    path: `/groups/${groupOf(one)}/members/${encodeURIComponent(objectId)}/$ref`,
  })),
  // Nothing is there under either id: it is in the group no longer, unless it is the group that is missing, or somebody else
  // than the directory who says so.
  forgive: ({ reason, code, message }, one) =>
    reason === "notFound" &&
    code === "Request_ResourceNotFound" &&
    !message.includes(String(one.parameters["groupId"]))
      ? done
      : undefined,
  taken: done,
});

/** Profiles go to groups alone. The device is put into one, and waits until Autopilot shows a profile. */
function profileStep(parts: Parts): Step {
  const add = directoryStep(parts, adding(parts, { kind: "accepted" }));
  const shown = conditionStep(parts.watch);
  const conditions = [{ property: "autopilotProfile", operator: "equals", value: "assigned" }];
  const waiting = (asked: readonly Asked[]): readonly Asked[] =>
    asked.map((one) => ({ ...one, parameters: { conditions } }));
  return {
    ...add,
    readsOf: (asked) => shown.readsOf(asked),
    readBack: (tenantId, asked) => shown.readBack(tenantId, waiting(asked)),
    async survey(tenantId, asked) {
      const list = await shown.survey?.(tenantId, waiting(asked));
      return list && { ...list, find: (one) => list.find({ ...one, parameters: { conditions } }) };
    },
  };
}

// Autopilot's list.

/** What is changed of an Autopilot device, and whether the list shows it. */
type Change = {
  readonly segment: string;
  readonly body: (one: Asked) => Readonly<Record<string, unknown>>;
  readonly isShown: (
    device: { readonly groupTag: string; readonly userPrincipalName?: string | undefined },
    one: Asked,
  ) => boolean;
};

const notRegistered = {
  code: "not-in-autopilot",
  detail: "the device is not registered into Autopilot",
};

/** A change that counts when the list shows it: the service takes some, and loses them. */
function registeredStep(parts: Parts, { segment, body, isShown }: Change): Step {
  const { watch } = parts;
  const identities = "/deviceManagement/windowsAutopilotDeviceIdentities";
  const step = directoryStep(parts, {
    refuse: () => undefined,
    version: "v1.0",
    async prepare(tenantId, asked) {
      const listed = await watch.latest(tenantId, registeredDevices);
      return asked.map((one): Prepared => {
        const seen = seenIn(listed, one.item.targetId, 0);
        if (seen === "missing") return { outcome: { kind: "declined", ...notRegistered } };
        if (seen === undefined) return { outcome: busy(listed.why ?? "Autopilot's list is read") };
        const path = `${identities}/${encodeURIComponent(seen.value.id)}/${segment}`;
        return { request: { method: "POST", path, body: body(one) } };
      });
    },
    taken: { kind: "accepted" },
  });
  const judgeFor = async (tenantId: string) => {
    const listed = await watch.latest(tenantId, registeredDevices);
    const judge = (one: Asked): StepFinding => {
      const seen = seenIn(listed, one.item.targetId, sinceOf(one));
      if (seen === "missing") return { kind: "gone", ...notRegistered };
      if (seen !== undefined && isShown(seen.value, one)) return { kind: "ended", event: "finish" };
      return listed.why === undefined
        ? { kind: "pending", awake: true }
        : { kind: "unreadable", why: listed.why };
    };
    return { listed, judge };
  };
  return {
    ...step,
    readsOf: (asked) => asked.length / 1_000,
    async readBack(tenantId, asked) {
      const { judge } = await judgeFor(tenantId);
      return new Map(asked.map((one) => [one.item.targetId, judge(one)]));
    },
    async survey(tenantId) {
      const { listed, judge } = await judgeFor(tenantId);
      return { requests: listed.requests, isWhole: true, covers: () => true, find: judge };
    },
  };
}

const userOf = ({ parameters }: Asked): string => String(parameters["userPrincipalName"]);

/** The step of a type of this file; undefined for every other type. */
export function directoryStepOf(parts: Parts, typeId: string): Step | undefined {
  switch (typeId) {
    case "addToGroup":
      return directoryStep(parts, adding(parts, done));
    case "removeFromGroup":
      return directoryStep(parts, removing(parts));
    case "assignAutopilotProfile":
      return profileStep(parts);
    case "setGroupTag":
      return registeredStep(parts, {
        segment: "updateDeviceProperties",
        body: ({ parameters }) => ({ groupTag: parameters["groupTag"] }),
        isShown: ({ groupTag }, { parameters }) => groupTag === parameters["groupTag"],
      });
    case "assignAutopilotUser":
      return registeredStep(parts, {
        segment: "assignUserToDevice",
        body: (one) => ({
          userPrincipalName: userOf(one),
          addressableUserName: one.parameters["addressableUserName"] ?? userOf(one),
        }),
        isShown: ({ userPrincipalName = "" }, one) =>
          userPrincipalName.toLowerCase() === userOf(one).toLowerCase(),
      });
    case "unassignAutopilotUser":
      return registeredStep(parts, {
        segment: "unassignUserFromDevice",
        body: () => ({}),
        isShown: ({ userPrincipalName = "" }) => userPrincipalName === "",
      });
    default:
      return undefined;
  }
}
