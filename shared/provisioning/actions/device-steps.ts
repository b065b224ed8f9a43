/**
 * Actions that Intune carries to devices: those of the device catalogue, and remote actions that only runs use. They are
 * sent and read back as notifications are; a restart is done when the device was seen since, a script when its output
 * is there.
 */
import { type Action, chooseRoute, graphRoutes, type Route } from "../../devices/actions/action.ts";
import {
  type AskedDevice,
  type Asking,
  auditsOf,
  type BulkRefusals,
  codedOutcome,
  groupsOf,
  readReports,
  readsFor,
} from "../../devices/actions/asked-devices.ts";
import type { RemoteActionAudits } from "../../devices/actions/audits.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import { callsFor, type SendCall, type SendOutcome, send } from "../../devices/actions/send.ts";
import type { Platform } from "../../devices/directory/device.ts";
import type { GraphAnswer } from "../../graph/answer.ts";
import type { GraphClient } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { proseIn } from "../../kernel/outside-text.ts";
import type {
  Asked,
  Parameters,
  Step,
  StepCall,
  StepFinding,
  StepOutcome,
  StepSurvey,
} from "./action-type.ts";
import { actionTypes, findActionType } from "./catalogue.ts";
import { directoryStepOf, tracedBy } from "./directory-steps.ts";
import { checkInStep, conditionStep, seenIn, sinceOf, waitStep } from "./waits.ts";
import {
  type Listed,
  type ListWatch,
  managedDevices,
  type RunState,
  runStatesOf,
} from "./watch.ts";

/** What steps need from outside. */
type DeviceStepParts = {
  readonly graph: GraphClient;
  readonly clock: Clock;
  readonly audits: RemoteActionAudits;
  readonly bulkRefusals: BulkRefusals;
  readonly watch: ListWatch;
};

// Remote actions beside those of the catalogue.

type OwnCall = Pick<Route, "call" | "resultNames"> & Partial<Pick<Route, "auditNames">>;

const plain = (version: "v1.0" | "beta", segment: string): OwnCall => ({
  call: { version, segment },
  resultNames: [segment],
  auditNames: [segment],
});

const ownCalls: Readonly<Record<string, OwnCall>> = {
  renameDevice: {
    ...plain("beta", "setDeviceName"),
    call: { version: "beta", segment: "setDeviceName", fill: { deviceName: "deviceName" } },
  },
  rotateBitLockerKeys: plain("beta", "rotateBitLockerKeys"),
  rotateLocalAdminPassword: plain("beta", "rotateLocalAdminPassword"),
  messageToUser: {
    call: {
      version: "beta",
      segment: "sendCustomNotificationToCompanyPortal",
      fill: { notificationTitle: "title", notificationBody: "body" },
    },
    resultNames: ["sendCustomNotificationToCompanyPortal", "customTextNotification"],
  },
  autopilotReset: {
    call: {
      version: "v1.0",
      segment: "wipe",
      body: { keepEnrollmentData: true, keepUserData: false },
    },
    // Results and audits have older names for it than the call.
    resultNames: ["wipe", "factoryReset", "factoryResetKeepEnrollmentData"],
    auditNames: ["factoryReset", "factoryResetKeepEnrollmentData"],
  },
  freshStart: {
    ...plain("v1.0", "cleanWindowsDevice"),
    call: {
      version: "v1.0",
      segment: "cleanWindowsDevice",
      fill: { keepUserData: "keepUserData" },
    },
  },
};

const ownRoute = (call: OwnCall, platforms: readonly Platform[]): Route => ({
  id: "intune",
  fidelity: "exact",
  managements: ["intune", "coManaged"],
  platforms,
  ...call,
});

type Sendable = Asking & {
  /** By which of its routes a device is asked, or why by none. */
  readonly choose: (device: Asked["device"], parameters: Parameters) => Choice;
};

/** What a type asks Intune for; undefined: it is no such type. */
function sendableOf(typeId: string): Sendable | undefined {
  const type = findActionType(typeId);
  const action = findAction(typeId);
  if (action !== undefined) {
    const { name, repeatable } = action;
    const routes = graphRoutes(action);
    return { repeatable, routes, choose: chooserOf({ name, routes }) };
  }
  const own = ownCalls[typeId];
  if (type === undefined || own === undefined) return undefined;
  const { name, guarded, platforms } = type;
  const routes = [ownRoute(own, platforms)];
  return { repeatable: !guarded, routes, choose: chooserOf({ name, routes }) };
}

// The step.

/** A device that is asked, as it is asked: by the route that its facts lead to. */
function askedBy({ routes, choose }: Sendable, { item, device, parameters }: Asked): AskedDevice {
  const choice = choose(device, parameters);
  const route = choice.kind === "route" ? routes.indexOf(choice.route) : -1;
  return route === item.route ? item : { ...item, route };
}

type Choice = ReturnType<typeof chooseRoute>;

/** Chooses a device's route. What decides is the same for most of a fleet, and is looked at once for what is asked of all. */
function chooserOf(sendable: Pick<Action, "name" | "routes">): Sendable["choose"] {
  const known = new WeakMap<Parameters, Map<string, Choice>>();
  return (device, parameters) => {
    const choices = known.get(parameters) ?? new Map<string, Choice>();
    known.set(parameters, choices);
    const facts = `${device.managementAgent}\n${device.operatingSystem}`;
    const allowApproximate = parameters["allowApproximate"] === true;
    const choice =
      choices.get(facts) ?? chooseRoute(sendable, device, { parameters, allowApproximate });
    choices.set(facts, choice);
    return choice;
  };
}

type ActionCall = StepCall & { readonly request: SendCall };

/** The step of a type that Intune carries; undefined for every other type. */
function deviceStep(parts: DeviceStepParts, typeId: string): Step | undefined {
  const sendable = sendableOf(typeId);
  if (sendable === undefined) return undefined;
  const step: Step = {
    mayRepeat: sendable.repeatable,
    isFree: false,
    refuse(device, parameters) {
      const choice = sendable.choose(device, parameters);
      return choice.kind === "none" ? { code: choice.code, detail: choice.detail } : undefined;
    },
    ...sendingOf(parts, sendable),
    ...readingOf(parts, sendable),
  };
  if (typeId === "restart") return untilBack(parts.watch, step);
  return typeId === "runScript" ? withOutput(parts, step) : step;
}

const byTarget = (asked: readonly Asked[]): ReadonlyMap<string, Asked> =>
  new Map(asked.map((one) => [one.item.targetId, one]));

/** Which requests carry it, and what comes of them. */
const sendingOf = (
  { graph, bulkRefusals }: DeviceStepParts,
  sendable: Sendable,
): Pick<Step, "calls" | "execute"> => ({
  calls(asked) {
    const byId = byTarget(asked);
    const devices = asked.map((one) => askedBy(sendable, one));
    return callsFor(groupsOf(sendable, devices)).map(
      (request): ActionCall => ({
        request,
        targetIds: request.deviceIds,
        perTarget: request.form === "batch",
        asked: request.deviceIds.flatMap((id) => byId.get(id) ?? []),
      }),
    );
  },
  async execute(tenantId, call, mayAsk) {
    const { request, targetIds, asked } = call as ActionCall;
    const byId = byTarget(asked);
    const carriedTo = (id: string) => {
      const { parameters = {}, device } = byId.get(id) ?? {};
      return { parameters, approvalCode: device?.note || undefined };
    };
    const some = { ...request, deviceIds: targetIds };
    const answers = new Map<string, GraphAnswer | undefined>();
    const hear = (ids: readonly string[], answer: GraphAnswer | undefined): void => {
      for (const id of ids) answers.set(id, answer);
    };
    const sent = await send(graph, tenantId, some, carriedTo, mayAsk, hear);
    bulkRefusals.noteOutcomes(tenantId, request, sent);
    return new Map(
      [...sent].map(([id, outcome]): [string, StepOutcome] => {
        const own = stepOutcome(outcome, carriedTo(id).approvalCode);
        return [id, tracedBy(answers.get(id), own)];
      }),
    );
  },
});

/** What devices and Intune's audits tell of it. */
function readingOf(
  { graph, audits }: DeviceStepParts,
  sendable: Sendable,
): Pick<Step, "readsOf" | "readBack" | "survey"> {
  const devicesOf = (asked: readonly Asked[]) => asked.map((one) => askedBy(sendable, one));
  return {
    readsOf: (asked) => readsFor(sendable, devicesOf(asked)),
    readBack: (tenantId, asked) => readReports(graph, tenantId, sendable, devicesOf(asked)),
    async survey(tenantId, asked): Promise<StepSurvey | undefined> {
      const list = await auditsOf(audits, tenantId, sendable, devicesOf(asked));
      return (
        list && {
          requests: list.requests,
          covers: (one) => list.covers(askedBy(sendable, one)),
          find: (one) => list.find(askedBy(sendable, one)),
        }
      );
    },
  };
}

/** Intune's word that a second administrator must approve is no failure of a run: the same request is made again. */
const approvalEveryMs = 10 * 60_000;

function stepOutcome(outcome: SendOutcome, under: string | undefined): StepOutcome {
  if (outcome.kind !== "failed") return codedOutcome(outcome);
  if (outcome.approvalCode === undefined) {
    // Rejected, expired or used up: whoever tries again asks for another approval.
    const { detail } = outcome;
    return under === undefined
      ? codedOutcome(outcome)
      : { kind: "failed", code: "not-approved-at-intune", detail, note: "" };
  }
  return {
    kind: "later",
    afterMs: approvalEveryMs,
    throttled: false,
    isHeld: true,
    code: "waits-for-approval-at-intune",
    why: "a second administrator has to approve it in Intune",
    note: outcome.approvalCode,
  };
}

// What is not done with the action's own result.

type Ending = (asked: Asked, finding: StepFinding) => StepFinding;

/** The step, with every end of it judged again by a list that is read once for all. */
function endingBy(
  step: Step,
  judgeFor: (
    tenantId: string,
    asked: readonly Asked[],
  ) => Promise<{ readonly requests: number; readonly ending: Ending }>,
): Step {
  return {
    ...step,
    async readBack(tenantId, asked) {
      const [found, { ending }] = [
        await step.readBack(tenantId, asked),
        await judgeFor(tenantId, asked),
      ];
      return new Map(
        asked.map((one): [string, StepFinding] => {
          const { targetId } = one.item;
          return [targetId, ending(one, found.get(targetId) ?? { kind: "unreadable" })];
        }),
      );
    },
    async survey(tenantId, asked) {
      const list = await step.survey?.(tenantId, asked);
      if (list === undefined) return undefined;
      const { requests, ending } = await judgeFor(tenantId, asked);
      return {
        ...list,
        requests: list.requests + requests,
        find: (one) => {
          const finding = list.find(one);
          return finding && ending(one, finding);
        },
      };
    },
  };
}

/** A restart that is done is over when the device was in touch again. */
const untilBack = (watch: ListWatch, step: Step): Step =>
  endingBy(step, async (tenantId, asked) => {
    const isWaited = asked.some(({ parameters }) => parameters["waitUntilBack"] !== false);
    const listed = isWaited ? await watch.latest(tenantId, managedDevices) : undefined;
    return {
      requests: listed?.requests ?? 0,
      ending: (one, finding) => {
        const isDone = finding.kind === "ended" && finding.event === "finish";
        if (!isDone || listed === undefined || one.parameters["waitUntilBack"] === false)
          return finding;
        const since = sinceOf(one);
        const seen = seenIn(listed, one.item.targetId, since);
        if (seen === undefined || seen === "missing") return { kind: "pending", awake: true };
        const isBack = Date.parse(seen.value.lastSyncDateTime ?? "") >= since;
        return isBack ? finding : { kind: "pending", awake: false };
      },
    };
  });

/** So long the output may be behind the result, before the run goes on without it. */
const outputLateMs = 10 * 60_000;
/** Intune keeps 2,048 characters of each of a remediation's five texts; whatever it may keep one day, no more is taken. */
const maxOutputChars = 64 * 1024;

/** A script is over when its output is there, or does not come. */
const withOutput = ({ watch, clock }: DeviceStepParts, step: Step): Step =>
  endingBy(step, async (tenantId, asked) => {
    const lists = new Map<string, Listed<RunState>>();
    for (const id of new Set(asked.map(scriptOf)))
      lists.set(id, await watch.latest(tenantId, runStatesOf(id)));
    return {
      requests: [...lists.values()].reduce((sum, { requests }) => sum + requests, 0),
      ending: (one, finding) => {
        if (finding.kind !== "ended" || finding.event === "cancel") return finding;
        const since = sinceOf(one);
        const output = outputSince(lists.get(scriptOf(one)), one.item.targetId, since);
        if (output !== undefined) return { ...finding, output };
        const isLate = clock.now() > since + outputLateMs;
        return isLate ? finding : { kind: "pending", awake: true };
      },
    };
  });

const scriptOf = ({ parameters }: Asked): string => String(parameters["remediationScriptId"]);

/** Its times are cut to whole seconds. */
function outputSince(
  listed: Listed<RunState> | undefined,
  deviceId: string,
  since: Instant,
): string | undefined {
  const seen = listed && seenIn(listed, deviceId, since);
  if (seen === undefined || seen === "missing") return undefined;
  const { lastStateUpdateDateTime, detectionState } = seen.value;
  // A list from a moment ago may be older than the result: what is still to run has said nothing yet.
  if (detectionState === "pending" || detectionState === "unknown") return undefined;
  const at = Date.parse(lastStateUpdateDateTime ?? "");
  return at >= since - 1_000 ? outputOf(seen.value) : undefined;
}

/** What a script said, the latest first. */
function outputOf(state: RunState): string {
  const said = [
    state.remediationScriptError,
    state.postRemediationDetectionScriptError,
    state.postRemediationDetectionScriptOutput,
    state.preRemediationDetectionScriptError,
    state.preRemediationDetectionScriptOutput,
  ];
  const words = [...new Set(said.filter((one) => one !== undefined))].join("\n");
  return proseIn(words, maxOutputChars);
}

// All steps.

/** Makes the step of each type, once; `stepFor` finds it. Undefined: nothing carries the type. */
export function stepsOver(parts: DeviceStepParts): (typeId: string) => Step | undefined {
  const waits: Readonly<Record<string, Step>> = {
    wait: waitStep(parts.clock),
    waitForCheckIn: checkInStep(parts.watch),
    waitUntil: conditionStep(parts.watch),
  };
  const steps = new Map(
    actionTypes.flatMap(({ id }) => {
      const step = waits[id] ?? directoryStepOf(parts, id) ?? deviceStep(parts, id);
      return step === undefined ? [] : [[id, step] as const];
    }),
  );
  return (typeId) => steps.get(typeId);
}
