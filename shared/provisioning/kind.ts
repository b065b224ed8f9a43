/**
 * Runs as a kind of job: for the devices at an action, the action is asked. What it answers is turned into what the
 * engine does next by `outcomes.ts`; what keeps a device from beginning, `holds.ts` knows.
 */

import type * as z from "zod";
import type { Device } from "../devices/directory/device.ts";
import { cursorBehind, type DirectoryStore } from "../devices/directory/directory.ts";
import type { Call, Finding, FirstState, Gate, JobKind, Outcome, Target } from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import { inChunks } from "../kernel/concurrency.ts";
import { proseIn } from "../kernel/outside-text.ts";
import type { Asked, Step, StepCall, StepFinding, StepSurvey } from "./actions/action-type.ts";
import { findActionType } from "./actions/catalogue.ts";
import {
  type DirectoryFacts,
  directoryFacts,
  FactCondition,
  factsHold,
} from "./actions/condition.ts";
import { deviceRunIn, deviceRunOf, packDeviceRun } from "./device-run.ts";
import { type HoldParts, holdsOf, isFresh } from "./holding/holds.ts";
import { type At, findingFor, outcomeFor, skippedByCondition } from "./outcomes.ts";
import { actionsIn, contentOf, type Run, type RunContent, type RunJobs, runShape } from "./run.ts";
import type { TemplateAction } from "./templates/template.ts";
import { actionFor, type FilledAction, factsOf, sameForAll } from "./templates/variables.ts";

/** How a run comes by what an action does; undefined for a type that nothing carries. */
export type StepFor = (type: string) => Step | undefined;

/** What runs need from outside. */
export type RunKindParts = HoldParts & {
  readonly directory: Pick<DirectoryStore, "getMany">;
  readonly targets: (runId: string) => Promise<readonly string[]>;
  readonly stepFor: StepFor;
  readonly gate: Gate<Run>;
  readonly jobs: Pick<RunJobs, "get" | "putOutputs">;
  readonly roundMs: number;
};

type RunTarget = Target & { readonly device?: Device };

/** A call of an action for some devices, or what is settled without one. */
type RunCall = Call & {
  readonly items: readonly Item[];
  readonly call?: StepCall;
  readonly settled?: ReadonlyMap<string, Outcome>;
};

type RunKind = JobKind<Run, RunCall, RunTarget> & { readonly gate: Gate<Run> };

const reasons: RunKind["reasons"] = {
  jobFailed: { code: "run-failed", detail: "the run failed" },
  leftScope: { code: "left-target", detail: "it left the run's devices" },
  noResult: { code: "no-result", detail: "the run's time is over, and nothing of it was seen" },
  pending: { code: "run-expired", detail: "the run's time is over" },
  silent: { code: "run-expired", detail: "the run's time is over" },
};

/** Claims of one device at one action: what is tried again, and how often, actions decide. */
const maxAttempts = 10_000;
const slowestRoundMs = 120_000;

/** Runs. */
export const runKind = (parts: RunKindParts): RunKind => ({
  ...runShape,
  subjectOf: ({ templateName }) => templateName,
  lastStep: ({ actions }) => Math.max(0, actions - 1),
  mayRepeat: (run, item) => stepOf(parts, run, item)?.mayRepeat ?? true,
  workloadsOf: () => ({ calls: "deviceActions", reads: "deviceReads" }),
  rounds: { firstMs: parts.roundMs, mostMs: Math.max(parts.roundMs, slowestRoundMs) },
  maxAttempts,
  keepsAttempts: true,
  reasons,
  targets: (run, cursor) => targetsOf(parts, run, cursor),
  cursorBehind,
  plan: firstState,
  outOfScope: () => Promise.resolve(new Set()),
  // Stopped half-way by others' failures it would be neither as it was nor as it should be; a person may cancel that.
  followsThrough: (run, item) => run.state === "failing" && !isFresh(run, item),
  holds: (run, items) => holdsOf(parts, run, items),
  gate: parts.gate,
  ...callsOf(parts),
  ...readingOf(parts),
});

const devicesPerStep = 4_000;

async function targetsOf({ directory, targets }: RunKindParts, run: Run, cursor = "") {
  const sorted = await targets(run.jobId);
  const start = sorted.findIndex((id) => id > cursor);
  const ids = start < 0 ? [] : sorted.slice(start, start + devicesPerStep);
  const devices = await directory.getMany(run.tenantId, ids);
  const page = ids.map((targetId): RunTarget => {
    const device = devices.get(targetId);
    return device === undefined ? { targetId } : { targetId, device };
  });
  const last = ids.at(-1);
  const isEnd = last === undefined || start + ids.length >= sorted.length;
  return isEnd ? { targets: page } : { targets: page, next: last };
}

function firstState(run: Run, { targetId, device }: RunTarget): FirstState {
  if (device === undefined) {
    const detail = "not in the directory any more";
    return { name: "", state: "failed", code: "device-not-found", detail };
  }
  const { firstSteps, doubtful: all } = contentOf(run);
  const [step, doubtful] = [firstSteps[targetId] ?? 0, all?.[targetId]];
  const directory = directoryOf(run, device);
  const learned = packDeviceRun({
    ...deviceRunOf(device),
    ...(doubtful && { doubtful }),
    ...(directory && { directory }),
  });
  return { name: device.name, state: "waiting", route: 0, step, learned };
}

function factsIn(run: Run): readonly (keyof DirectoryFacts)[] {
  const asked = JSON.stringify(actionsIn(run).map(({ action }) => action.when ?? ""));
  return directoryFacts.filter((name) => asked.includes(name));
}

const factsAsked = new WeakMap<RunContent, readonly (keyof DirectoryFacts)[]>();

/** What the directory knows of a device now, as far as conditions of the run's actions ask for it. */
function directoryOf(run: Run, device: Device): DirectoryFacts | undefined {
  const content = contentOf(run);
  const names = factsAsked.get(content) ?? factsIn(run);
  factsAsked.set(content, names);
  return names.length === 0
    ? undefined
    : Object.fromEntries(names.map((name) => [name, device[name] ?? ""]));
}

// Calls.

const actionAt = (run: Run, { step = 0 }: Pick<Item, "step">): TemplateAction => {
  const placed = actionsIn(run)[step];
  if (placed === undefined) throw new Error(`run ${run.jobId} has no action ${step}`);
  return placed.action;
};

const stepOf = ({ stepFor }: Pick<RunKindParts, "stepFor">, run: Run, item: Item) =>
  stepFor(actionAt(run, item).type);

type Prepared =
  | { readonly kind: "asked"; readonly asked: Asked }
  | { readonly kind: "skip" }
  | { readonly kind: "refused"; readonly code: string; readonly detail: string };

/** What is asked of a device, with its own values; or why it is not. */
function prepare({ stepFor }: Pick<RunKindParts, "stepFor">, run: Run, item: Item): Prepared {
  const action = actionAt(run, item);
  const step = stepFor(action.type);
  if (step === undefined)
    return { kind: "refused", code: "no-route", detail: `nothing carries ${action.type}` };
  const device = deviceRunIn(item);
  const { value, faults } = saidTo(run, item, action);
  const [fault] = faults;
  if (fault !== undefined)
    return { kind: "refused", code: "no-value", detail: `${fault.pointer} ${fault.detail}` };
  const { when, parameters, wrong } = judgedOf(action.type, value);
  if (when !== undefined) {
    const known = { ...device, ...device.directory, deviceName: item.name };
    if (when === "unreadable" || !factsHold(when, known)) return { kind: "skip" };
  }
  if (wrong !== undefined) return { kind: "refused", code: "bad-parameters", detail: wrong };
  const refusal = step.refuse(device, parameters);
  return refusal === undefined
    ? { kind: "asked", asked: { item, device, parameters } }
    : { kind: "refused", ...refusal };
}

type Said = ReturnType<typeof actionFor>;

const saidAlready = new WeakMap<Item, { readonly content: RunContent; readonly said: Said }>();

/** What an action says to a device; a pass asks that of an item many times, and filling it is the dear part. */
function saidTo(run: Run, item: Item, action: TemplateAction): Said {
  const same = sameForAll(action);
  if (same !== undefined) return { value: same, faults: [] };
  const content = contentOf(run);
  const known = saidAlready.get(item);
  if (known?.content === content) return known.said;
  const { template, variables, devices } = content;
  const layers = {
    tenant: variables,
    template: defaultsOf(template.variables),
    device: devices[item.targetId] ?? {},
  };
  const facts = factsOf(run.tenantId, item.targetId, { ...deviceRunIn(item), name: item.name });
  const said = actionFor(action, layers, facts);
  saidAlready.set(item, { content, said });
  return said;
}

/** What an action says, read by its type's own schema. */
type Judged = {
  readonly when?: z.output<typeof FactCondition> | "unreadable";
  readonly parameters: Asked["parameters"];
  readonly wrong?: string;
};

/** An action without placeholders says the same of every device, and is read once for all. */
const judged = new WeakMap<FilledAction, Judged>();

function judgedOf(type: string, value: FilledAction): Judged {
  const known = judged.get(value) ?? judge(type, value);
  judged.set(value, known);
  return known;
}

function judge(type: string, { when, parameters }: FilledAction): Judged {
  const read = findActionType(type)?.parameters.safeParse(parameters);
  const condition = when === undefined ? undefined : FactCondition.safeParse(when);
  return {
    parameters: read?.data ?? parameters,
    ...(read?.success === false ? { wrong: read.error.issues[0]?.message ?? "" } : {}),
    ...(condition && { when: condition.success ? condition.data : "unreadable" }),
  };
}

const defaultsOf = (declared: ReturnType<typeof contentOf>["template"]["variables"]) =>
  Object.fromEntries(
    Object.entries(declared).flatMap(([name, { value }]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );

const callsOf = (parts: RunKindParts): Pick<RunKind, "calls" | "execute"> => ({
  calls: (run, items) =>
    [...Map.groupBy(items, ({ step = 0 }) => step).values()].flatMap((some) =>
      callsAt(parts, run, some),
    ),
  async execute(run, { call, settled, items, targetIds }, mayAsk) {
    if (call === undefined) return settled ?? new Map();
    const [first] = items;
    const step = first && stepOf(parts, run, first);
    if (first === undefined || step === undefined) return new Map();
    const outcomes = await step.execute(run.tenantId, { ...call, targetIds }, mayAsk);
    const byId = new Map(items.map((item) => [item.targetId, item]));
    const at: At = { action: actionAt(run, first), step, now: parts.clock.now() };
    return new Map(
      [...outcomes].flatMap(([id, outcome]) => {
        const item = byId.get(id);
        return item === undefined ? [] : [[id, outcomeFor(item, outcome, at)] as const];
      }),
    );
  },
});

/** The calls for items that are at the same action. */
function callsAt(parts: RunKindParts, run: Run, items: readonly Item[]): RunCall[] {
  const [first] = items;
  if (first === undefined) return [];
  const settled = new Map<string, Outcome>();
  const asked: Asked[] = [];
  const action = actionAt(run, first);
  const step = stepOf(parts, run, first) ?? nothing;
  for (const item of items) {
    const prepared = prepare(parts, run, item);
    const at: At = { action, step, now: item.claimedAt ?? item.at };
    if (prepared.kind === "asked") asked.push(prepared.asked);
    else if (prepared.kind === "skip")
      settled.set(item.targetId, outcomeFor(item, { kind: "done", ...skippedByCondition }, at));
    else {
      const { code, detail } = prepared;
      settled.set(item.targetId, outcomeFor(item, { kind: "declined", code, detail }, at));
    }
  }
  const own = step.calls(asked).map(
    (call): RunCall => ({
      items,
      call,
      targetIds: call.targetIds,
      perTarget: call.perTarget,
      ...(step.isFree || call.free ? { free: true } : {}),
    }),
  );
  const free: RunCall = {
    items,
    settled,
    targetIds: [...settled.keys()],
    perTarget: false,
    free: true,
  };
  return settled.size === 0 ? own : [free, ...own];
}

/** An action that nothing carries asks for nothing. */
const nothing = { mayRepeat: true, isFree: true, calls: (): readonly StepCall[] => [] };

// Reading back.

/** Items that are at the same action, with the action and what each was asked. */
type Group = { readonly step: Step; readonly at: At; readonly asked: readonly Asked[] };

function groupsOf(parts: RunKindParts, run: Run, items: readonly Item[]): Group[] {
  const now = parts.clock.now();
  return [...Map.groupBy(items, ({ step = 0 }) => step).values()].flatMap((some) => {
    const [first] = some;
    const step = first && stepOf(parts, run, first);
    if (first === undefined || step === undefined) return [];
    const asked = some.flatMap((item) => {
      const prepared = prepare(parts, run, item);
      return prepared.kind === "asked" ? [prepared.asked] : [];
    });
    return [{ step, at: { action: actionAt(run, first), step, now }, asked }];
  });
}

/** So much of an output stands in the history itself. */
const shownChars = 300;
const outputsPerBlob = 200;

/** Findings with the beginnings of their outputs, all of which is kept apart. */
async function keepOutputs(
  { jobs }: Pick<RunKindParts, "jobs">,
  { jobId }: Run,
  found: ReadonlyMap<string, StepFinding>,
): Promise<ReadonlyMap<string, StepFinding>> {
  const long = [...found].flatMap(([id, { output = "" }]) =>
    output.length > shownChars ? [[id, output] as const] : [],
  );
  const kept = new Map(found);
  for (const some of inChunks(long, outputsPerBlob)) {
    const outputId = await jobs.putOutputs(jobId, Object.fromEntries(some));
    for (const [id, whole] of some) {
      const finding = found.get(id);
      const output = `${proseIn(whole, shownChars - 1)}…`;
      if (finding !== undefined) kept.set(id, { ...finding, output, outputId });
    }
  }
  return kept;
}

/** What a survey shows of some, with their outputs kept. */
function foundIn(survey: StepSurvey, asked: readonly Asked[]): ReadonlyMap<string, StepFinding> {
  return new Map(
    asked.flatMap((one) => {
      const finding = survey.find(one);
      return finding === undefined ? [] : [[one.item.targetId, finding] as const];
    }),
  );
}

const readingOf = (
  parts: RunKindParts,
): Pick<RunKind, "readsOf" | "readBack"> & Required<Pick<RunKind, "survey">> => ({
  readsOf: (run, items) =>
    groupsOf(parts, run, items).reduce((sum, { step, asked }) => sum + step.readsOf(asked), 0),
  async readBack(run, items) {
    const found = new Map<string, Finding>();
    for (const { step, at, asked } of groupsOf(parts, run, items)) {
      const findings = await keepOutputs(parts, run, await step.readBack(run.tenantId, asked));
      for (const { item } of asked) {
        const finding = findings.get(item.targetId) ?? ({ kind: "unreadable" } as const);
        found.set(item.targetId, findingFor(item, finding, at));
      }
    }
    return found;
  },
  async survey(run, items) {
    const surveyed = new Map<string, { survey: StepSurvey; finding?: StepFinding; at: At }>();
    let requests = 0;
    for (const { step, at, asked } of groupsOf(parts, run, items)) {
      const survey = await step.survey?.(run.tenantId, asked);
      if (survey === undefined) continue;
      requests += survey.requests;
      const covered = asked.filter((one) => survey.covers(one));
      const found = await keepOutputs(parts, run, foundIn(survey, covered));
      for (const { item } of covered) {
        const finding = found.get(item.targetId);
        surveyed.set(item.targetId, { survey, at, ...(finding && { finding }) });
      }
    }
    if (surveyed.size === 0) return undefined;
    return {
      requests,
      covers: ({ targetId }) => surveyed.has(targetId),
      isWhole: ({ targetId }) => surveyed.get(targetId)?.survey.isWhole === true,
      find(item) {
        const one = surveyed.get(item.targetId);
        return one?.finding && findingFor(item, one.finding, one.at);
      },
    };
  },
});
