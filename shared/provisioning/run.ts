/**
 * A run: a template on its way through devices. What was asked for is frozen when it begins: the version of the template,
 * the variables, the devices. Each device then goes from action to action; a run does nothing but that, and an action is
 * a small kind of its own (`actions/`). Device runs are items of the fan-out engine, and actions their steps, so that
 * progress, pace, waves, rests and recovery are the engine's.
 *
 * This file says what a run's row adds to that of any job, and what words there are for where a device run stands.
 */
import * as z from "zod";
import { emptyCounts, type Item } from "../fanout/state/item.ts";
import type { Standing } from "../fanout/state/item-store.ts";
import { isOpen, type Job, JobStore, wordFor } from "../fanout/state/job.ts";
import { bucketsOf } from "../fanout/state/rollout.ts";
import type { Instant } from "../kernel/clock.ts";
import { digest } from "../kernel/values.ts";
import { recurring } from "../schedules/state/task.ts";
import type { Blobs } from "../storage/blobs.ts";
import type { WebhookEvent } from "../webhooks/webhook.ts";
import { actionsOf, type PlacedAction, TemplateContent, Variables } from "./templates/template.ts";

/** What becomes of devices that nobody has seen for long. */
export const offlineModes = ["wait", "skip", "fail"] as const;
/** How a run came about. */
export const causes = ["manual", "schedule", "whole", "lastFailedRequired", "fromAction"] as const;

/** What was named, as it was named: a retry can find the same again. */
const Named = z.object({
  deviceIds: z.array(z.string()),
  collectionIds: z.array(z.string()),
  rules: z.array(z.unknown()),
});

/** What a run's row holds beside what every job's does. */
export const RunSpec = z.object({
  templateId: z.string(),
  templateName: z.string(),
  version: z.number(),
  /** Of what the version does. */
  hash: z.string(),
  /** How many actions it has. */
  actions: z.number(),
  /** Types of its actions that must not be done twice: what a second person may have to agree to. */
  guarded: z.array(z.string()),
  /** The one of them that a rule wants a second person for. */
  gated: z.string().optional(),
  named: Named,
  /** Devices that were named, and that whoever asked does not reach. */
  hidden: z.number(),
  offline: z.object({
    mode: z.enum(offlineModes),
    /** How long a device may not have been seen, to count as there; and how long it is waited for. */
    afterMs: z.number(),
    waitMs: z.number(),
  }),
  /** How long it may take. Its end moves with the moment that a second person agrees at, and what counts from then does, too. */
  lastsMs: z.number(),
  windows: z.object({ longestRunMs: z.number(), cutoffMs: z.number(), ignored: z.boolean() }),
  cause: z.enum(causes),
  taskId: z.string().optional(),
  parentRunId: z.string().optional(),
  /** Of a restart: the run that all of them go back to, and in which buckets its devices lay where they came from. */
  rootRunId: z.string().optional(),
  taken: z.object({ failed: z.number(), notAttempted: z.number() }).optional(),
  note: z.string().optional(),
});

/** What a run does, frozen in a blob beside its row. */
export const RunContent = z.object({
  template: TemplateContent,
  variables: Variables,
  /** Of single devices; narrower than any other. */
  devices: z.record(z.string(), Variables),
  /** Where devices begin that do not begin at the first action. */
  firstSteps: z.record(z.string(), z.number()),
  /** Of a restart: actions before a device's first of which nobody can tell whether they were done. */
  doubtful: z.record(z.string(), z.array(z.number())).optional(),
  /** Of the task that began it: its devices begin within them, too. */
  windows: z.array(z.object({ opens: recurring, minutes: z.number() })).optional(),
});
export type RunContent = z.output<typeof RunContent>;

/** Everything that was asked for, and what became of it as a whole. */
export type Run = Job & Readonly<z.output<typeof RunSpec>> & { readonly content?: RunContent };

/** Until when devices that nobody has seen are waited for, from when it was asked for or agreed to. */
export const waitsUntil = ({ expiresAt, lastsMs, offline }: Run): Instant =>
  expiresAt - lastsMs + offline.waitMs;

/** What identifies the kind, and the row of such a job. */
export const runShape = { id: "provisioning", spec: RunSpec } as const;

const contentPath = (runId: string): string => `runs/${runId}.json`;
/** What a restart would do, and the restarts that go back to a run. */
export const offerPath = (runId: string): string => `runs/${runId}.offer.json`;
export const familyPath = (runId: string): string => `runs/${runId}.family.json`;
/** Long outputs of a run's actions, many in one. */
const outputsPath = (runId: string, outputId: string): string =>
  `runs/${runId}.outputs/${outputId}`;
const Outputs = z.record(z.string(), z.string());
const outputIdChars = 32;
const always = () => true;
/** What runs under way do, kept in memory: a blob's text never changes. */
const maxKept = 64;

/** Runs in and out, with what they do. */
export class RunJobs extends JobStore<Run> {
  readonly #blobs: Blobs;
  readonly #kept = new Map<string, RunContent>();

  constructor(storage: ConstructorParameters<typeof JobStore>[0]) {
    super(storage, runShape);
    this.#blobs = storage.blobs;
  }

  /** Keeps what a run does; before its row, which must not be without it. */
  putContent(runId: string, content: RunContent): Promise<void> {
    return this.#blobs.put(contentPath(runId), JSON.stringify(content));
  }

  override async get(tenantId: string, runId: string) {
    const stored = await super.get(tenantId, runId);
    if (stored === undefined) return undefined;
    const content = await this.#contentOf(runId);
    if (content !== undefined) return { ...stored, job: { ...stored.job, content } };
    // Retention takes what belongs to an ended run first, and its row last: it is as good as gone.
    if (!isOpen(stored.job)) return undefined;
    throw new Error(`what run ${runId} does is gone`);
  }

  /** Keeps long outputs of some devices in one blob; answers its id. The same again is the same one. */
  async putOutputs(runId: string, byDevice: Readonly<Record<string, string>>): Promise<string> {
    const text = JSON.stringify(byDevice);
    const outputId = digest(text).slice(0, outputIdChars);
    await this.#blobs.put(outputsPath(runId, outputId), text);
    return outputId;
  }

  /** The whole output of a device, from where it is kept. */
  async output(runId: string, outputId: string, deviceId: string): Promise<string | undefined> {
    const blob = await this.#blobs.get(outputsPath(runId, outputId));
    return blob && Outputs.parse(JSON.parse(blob.toString()))[deviceId];
  }

  override insert({ content: _, ...run }: Run) {
    return super.insert(run);
  }

  override replace({ content: _, ...run }: Run, etag: string) {
    return super.replace(run, etag);
  }

  override async removeTargets(runId: string): Promise<void> {
    await super.removeTargets(runId);
    for (const path of [contentPath(runId), offerPath(runId), familyPath(runId)])
      await this.#blobs.remove(path);
    await this.#blobs.removeWhere(outputsPath(runId, ""), always, always);
  }

  async #contentOf(runId: string): Promise<RunContent | undefined> {
    const known = this.#kept.get(runId);
    if (known !== undefined) return known;
    const blob = await this.#blobs.get(contentPath(runId));
    if (blob === undefined) return undefined;
    const content = RunContent.parse(JSON.parse(blob.toString()));
    this.#kept.set(runId, content);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    return content;
  }
}

/** What a run does; only lists have runs without it. */
export function contentOf({ content, jobId }: Run): RunContent {
  if (content === undefined) throw new Error(`what run ${jobId} does was not read`);
  return content;
}

const placed = new WeakMap<RunContent, readonly PlacedAction[]>();

/** The actions of a run in their order: a device's step is an index into them. */
export function actionsIn(run: Run): readonly PlacedAction[] {
  const content = contentOf(run);
  const known = placed.get(content) ?? actionsOf(content.template);
  placed.set(content, known);
  return known;
}

/** What webhooks are told of a run: that it waits for a second person, or how it ended. Pure. */
export function eventOf(job: Job): WebhookEvent {
  const { tenantId, jobId: runId, state, createdAt, finishedAt = createdAt } = job;
  const path = `/api/v1/tenants/${tenantId}/provisioning-runs/${runId}`;
  const about = { eventId: runId, tenantId, path };
  if (state === "pendingApproval")
    return { ...about, at: createdAt, type: "provisioningRun.approvalPending", data: { runId } };
  const word = wordFor(job, job.counts ?? emptyCounts());
  const data = { runId, state: word };
  return { ...about, at: finishedAt, type: "provisioningRun.ended", data };
}

// Where devices stand. Pure.

export const buckets = ["pending", "active", "successful", "failed", "notAttempted"] as const;
export type Bucket = (typeof buckets)[number];

/** Which bucket a device run lies in. One that has been begun is active between its actions, too. */
export function bucketOf({ state, step = 0, attempts }: Item): Bucket {
  switch (state) {
    case "waiting":
    case "claimed":
      return step > 0 || attempts > 0 ? "active" : "pending";
    case "sent":
      return "active";
    case "done":
      return "successful";
    case "failed":
    case "offline":
    case "expired":
    case "unknown":
      return "failed";
    case "notSupported":
    case "cancelled":
      return "notAttempted";
  }
}

/** Devices in each bucket; those that are not planned yet are pending. They add up to all of them. */
export function bucketsFor(
  { counts, begun }: Pick<Standing, "counts" | "begun">,
  unplanned: number,
) {
  const { pending, active, ...ended } = bucketsOf(counts);
  return { pending: pending - begun + unplanned, active: active + begun, ...ended };
}

/** Success or failure, in the page's words. */
export const verdicts = {
  success: { en: "Success", fr: "Succès" },
  failed: { en: "Failed", fr: "Échec" },
} as const;
export type Verdict = keyof typeof verdicts;
