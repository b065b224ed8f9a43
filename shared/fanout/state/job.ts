/**
 * A job: something asked for once, for many targets. Its lifecycle as a table, what the engine's queues carry of it, and
 * its row.
 */

import * as z from "zod";
import type { Person } from "../../access/approvals/approval.ts";
import { StoredPerson } from "../../access/approvals/approval-gate.ts";
import type { Instant } from "../../kernel/clock.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";

import { numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { type Counts, countedStates } from "./item.ts";
import { Rollout } from "./rollout.ts";

/** Where a job stands. How it went is in its counts: see `wordFor`. */
type JobState =
  | "pendingApproval"
  | "planning"
  | "running"
  /** Nothing new is sent until somebody resumes it; what has left is followed. */
  | "paused"
  | "ended"
  | "cancelling"
  | "cancelled"
  | "rejected"
  /** It failed as a whole; what has left is still followed to its end. */
  | "failing"
  | "failed";

/** What can happen to it. */
type JobEvent =
  | "approve"
  | "reject"
  | "planned"
  | "pause"
  | "resume"
  | "finish"
  | "cancel"
  | "abandon";

/** The whole lifecycle. A missing entry means: refused in that state. */
export const jobLifecycle: Readonly<
  Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>
> = {
  pendingApproval: { approve: "planning", reject: "rejected", cancel: "cancelled" },
  planning: { planned: "running", cancel: "cancelling", abandon: "failing" },
  running: { pause: "paused", finish: "ended", cancel: "cancelling", abandon: "failing" },
  paused: { resume: "running", finish: "ended", cancel: "cancelling", abandon: "failing" },
  cancelling: { finish: "cancelled" },
  failing: { finish: "failed", cancel: "cancelling" },
  ended: {},
  cancelled: {},
  rejected: {},
  failed: {},
};

/** Which job: what every message names. */
export type JobIds = { readonly kind: string; readonly tenantId: string; readonly jobId: string };

/** What the engine knows of any job. A kind adds what it was asked for, frozen when it was asked. */
export type Job = JobIds & {
  readonly state: JobState;
  /** Who asked for it; absent where it was the app itself. */
  readonly requestedBy?: Person;
  /** For how many targets it is, as far as anybody could tell before they were planned one by one. */
  readonly expected?: number;
  /** Which targets it is for was settled when it was asked for, and is kept beside it: nobody joins. */
  readonly frozen?: true;
  /** How it is let out over its targets; absent: all of it, at the pace of the throttle. */
  readonly rollout?: Rollout;
  readonly createdAt: Instant;
  /** After this nothing is sent any more, and answers are no longer waited for. */
  readonly expiresAt: Instant;
  readonly finishedAt?: Instant;
  /** It was stopped before all of its targets were planned, so that the counts are not about all of them. */
  readonly cutShort?: true;
  /** Final counts, once finished. */
  readonly counts?: Counts;
  /** Why it failed as a whole, or was rejected. */
  readonly failure?: JobFailure;
};

/** A stable name, and words for people. */
export type JobFailure = { readonly code: string; readonly detail: string };

/** Applies an event; undefined when the lifecycle refuses it. */
export function move<J extends Job>(
  job: J,
  event: JobEvent,
  changes: Partial<Pick<Job, "counts" | "finishedAt" | "failure" | "expiresAt">> = {},
): J | undefined {
  const state = jobLifecycle[job.state][event];
  if (state === undefined) return undefined;
  const cutShort = job.state === "planning" && isStopping({ state });
  return { ...job, ...changes, state, ...(cutShort ? { cutShort } : {}) };
}

/** How a job appears: while it is open its state, and at its end what its counts say. */
export const shownJobStates = [
  "pendingApproval",
  "planning",
  "running",
  "paused",
  "cancelling",
  "failing",
  /** Every target that can do it has done it. */
  "completed",
  /** Some have done it, some have not. */
  "partlyCompleted",
  /** None has done it. */
  "failed",
  /** None is known to have done it, and some may have. */
  "unknown",
  /** There was no target, or none that can do it. */
  "nothingToSend",
  "cancelled",
  "rejected",
  /** It has ended, and how is not counted for who asks. */
  "ended",
] as const;
type ShownState = (typeof shownJobStates)[number];

/** The word for a job. It follows the counts, so that a late report can still change it. */
export function wordFor({ state, cutShort }: Job, counts: Counts): ShownState {
  if (state === "cancelled" && (cutShort || counts.cancelled > 0 || sumOf(counts) === 0))
    return "cancelled";
  // A cancellation that came too late has cancelled nothing: then the counts have the word, too.
  if (state === "ended" || state === "cancelled") return wordForCounts(counts);
  // It failed as a whole: whoever was not planned has not done it either.
  if (state === "failed" && counts.done > 0) return "partlyCompleted";
  return state === "failed" && counts.unknown > 0 ? "unknown" : state;
}

function wordForCounts(counts: Counts): ShownState {
  const asked = sumOf(counts) - counts.notSupported;
  if (asked === 0) return "nothingToSend";
  if (counts.done === asked) return "completed";
  if (counts.done > 0) return "partlyCompleted";
  return counts.unknown > 0 ? "unknown" : "failed";
}

/** All items, whatever their state. */
export const sumOf = (counts: Counts): number =>
  countedStates.reduce((sum, state) => sum + counts[state], 0);

/** True while nothing more may leave, though some of it may still be under way. */
export const isStopping = ({ state }: Pick<Job, "state">): boolean =>
  state === "cancelling" || state === "failing";

/** True while somebody still has to do something. */
export const isOpen = ({ state }: Pick<Job, "state">): boolean =>
  Object.keys(jobLifecycle[state]).length > 0;

// What the engine's four queues carry: the job, and of long work where it is.

/** Longest id of a target: what a row key takes in any language. */
const targetId = z.string().min(1).max(250);
const idFields = {
  kind: z.string().regex(/^[a-z][A-Za-z]{0,30}$/),
  tenantId: z.string().min(1).max(64),
  jobId: z.string().regex(/^[0-9a-z]{22}$/),
};

/** Plan a job, or close what waits of it. */
export const JobMessage = z.strictObject(idFields);

/** Requests reserved for a pass that has to wait for its time. */
const Reserved = z.strictObject({
  reserved: z.int().min(0),
  at: z.number(),
  shiftMs: z.number().min(0),
});

const chunk = { ...idFields, from: targetId, to: targetId };

// A chunk has one message at a time: that of the work that is due first. It takes along where the other work stands.

/** Where reading back stands, while the chunk's message is for sending. */
const Reading = z.strictObject({
  /** When its next round is due, which round that is, and after which target it goes on. */
  at: z.number(),
  round: z.int().min(0),
  after: targetId.optional(),
  reads: Reserved.optional(),
});
export type Reading = z.output<typeof Reading>;

/** Where sending stands, while the chunk's message is for reading back. */
const Sending = Reserved.partial().extend({
  reads: Reserved.optional(),
  told: z.literal(true).optional(),
});

/** Take care of a chunk: consecutive rows, named by their last target ids. */
export const ChunkMessage = z.strictObject({
  ...chunk,
  /** Requests reserved for this pass; 0 means: reserve first. */
  reserved: z.int().min(0).default(0),
  /** By how much all reservations had been moved when these were made. */
  shiftMs: z.number().min(0).default(0),
  /** When the first of these was to go; absent where nothing is reserved. */
  at: z.number().optional(),
  /** Requests reserved for reading back. */
  reads: Reserved.optional(),
  /** The carrier was told already of what waits here. */
  told: z.literal(true).optional(),
  reading: Reading.optional(),
});
export type ChunkMessage = z.output<typeof ChunkMessage>;

/** Read back what became of a chunk. */
export const ReadBackMessage = z.strictObject({
  ...chunk,
  /** The target after which this round goes on. */
  after: targetId.optional(),
  /** Requests reserved for reading on. */
  reads: Reserved.optional(),
  /** How many rounds went before. */
  round: z.int().min(0).default(0),
  sending: Sending.optional(),
});
export type ReadBackMessage = z.output<typeof ReadBackMessage>;

/** A chunk: a job's consecutive rows. */
export type ChunkIds = Pick<ChunkMessage, "kind" | "tenantId" | "jobId" | "from" | "to">;

// Its row. The key sorts newest first, so that a tenant's list needs no sorting.

/** A job with the etag that a change must present. */
type StoredJob<J extends Job = Job> = { readonly job: J; readonly etag: string };

/** What a kind adds to its jobs, and the schema that reads it back from a row. */
export type JobShape<J extends Job = Job> = {
  readonly id: string;
  readonly spec: z.ZodType<Omit<J, keyof Job>>;
};

/** Version of the rows that are written. */
const version = 1;
const states = Object.keys(jobLifecycle) as JobState[];

/** What every job row holds beside its keys; a row of another version is refused by name. */
const JobRow = z.object({
  v: z.literal(version),
  state: z.enum(states),
  /** How many columns the kind's part takes. */
  parts: z.int().min(0),
  requestedBy: StoredPerson.optional(),
  expected: z.number().optional(),
  frozen: z.literal(true).optional(),
  rollout: Rollout.optional(),
  createdAt: z.number(),
  expiresAt: z.number(),
  finishedAt: z.number().optional(),
  cutShort: z.literal(true).optional(),
  counts: z.record(z.enum(countedStates), z.number()).optional(),
  failure: z.object({ code: z.string(), detail: z.string() }).optional(),
});

const partitionOf = ({ tenantId, kind }: Pick<JobIds, "tenantId" | "kind">): string =>
  `${tenantId}|${kind}`;

type JobStorage = { readonly tables: Tables; readonly blobs: Blobs };

/** Jobs of one kind in and out, and the lists of targets that are too large for a row. */
export class JobStore<J extends Job = Job> {
  readonly #storage: JobStorage;
  readonly #shape: JobShape<J>;

  constructor(storage: JobStorage, shape: JobShape<J>) {
    this.#storage = storage;
    this.#shape = shape;
  }

  /** One job of a tenant, or undefined. */
  async get(tenantId: string, jobId: string): Promise<StoredJob<J> | undefined> {
    const row = await this.#storage.tables.get(tableNames.jobs, this.#partition(tenantId), jobId);
    return row === undefined ? undefined : { job: this.#fromRow(row), etag: row.etag };
  }

  /** Adds it, and the sweeper's row before it: a row without work is harmless, work without one not. */
  async insert(job: J): Promise<"inserted" | "exists"> {
    const { tenantId, jobId } = job;
    const open = { partitionKey: this.#shape.id, rowKey: jobId, tenantId };
    await this.#storage.tables.put(tableNames.openWork, open);
    return this.#storage.tables.insert(tableNames.jobs, this.#toRow(job));
  }

  /** Replaces the version that had `etag`; undefined when it changed meanwhile. */
  replace(job: J, etag: string): Promise<string | undefined> {
    return this.#storage.tables.replace(tableNames.jobs, this.#toRow(job), etag);
  }

  /** Takes a finished job off the sweeper's list. */
  async close(jobId: string): Promise<void> {
    await this.#storage.tables.remove(tableNames.openWork, this.#shape.id, jobId);
  }

  /** Unfinished jobs of all tenants. */
  async open(top: number, token?: string): Promise<{ open: JobIds[]; next?: string }> {
    const range = { partition: this.#shape.id };
    const page = await this.#storage.tables.page(tableNames.openWork, range, top, token);
    const open = page.rows.map((row) => ({
      kind: this.#shape.id,
      tenantId: textOf(row, "tenantId"),
      jobId: row.rowKey,
    }));
    return page.next === undefined ? { open } : { open, next: page.next };
  }

  /** A page of a tenant's jobs, newest first. */
  async list(tenantId: string, top: number, token?: string): Promise<{ jobs: J[]; next?: string }> {
    const range = { partition: this.#partition(tenantId) };
    const page = await this.#storage.tables.page(tableNames.jobs, range, top, token);
    const jobs = page.rows.map((row) => this.#fromRow(row));
    return page.next === undefined ? { jobs } : { jobs, next: page.next };
  }

  /** Ids of jobs, from the one that sorts at `from` on, with their states; without their rows. */
  async ids(
    tenantId: string,
    { from = "", top, token }: { from?: string; top: number; token?: string | undefined },
  ): Promise<{ ids: { jobId: string; state: JobState }[]; next?: string }> {
    const range = { partition: this.#partition(tenantId), from, select: ["state"] };
    const { rows, ...next } = await this.#storage.tables.page(tableNames.jobs, range, top, token);
    const ids = rows.map((row) => ({
      jobId: row.rowKey,
      state: z.enum(states).parse(row.columns["state"]),
    }));
    return { ids, ...next };
  }

  /** Removes job rows; what belongs to them has gone before. */
  remove(tenantId: string, jobIds: readonly string[]): Promise<void> {
    return this.#storage.tables.removeRows(tableNames.jobs, this.#partition(tenantId), jobIds);
  }

  /** Removes the kept target ids. */
  removeTargets(jobId: string): Promise<void> {
    return this.#storage.blobs.remove(targetsPath(jobId));
  }

  /** Keeps a list of target ids, sorted and without repetition. */
  async putTargets(jobId: string, targetIds: readonly string[]): Promise<void> {
    const sorted = [...new Set(targetIds)].toSorted();
    await this.#storage.blobs.put(targetsPath(jobId), JSON.stringify(sorted));
  }

  /** The kept target ids. */
  async targets(jobId: string): Promise<readonly string[]> {
    const content = await this.#storage.blobs.get(targetsPath(jobId));
    return content === undefined ? [] : z.array(z.string()).parse(JSON.parse(content.toString()));
  }

  #partition(tenantId: string): string {
    return partitionOf({ tenantId, kind: this.#shape.id });
  }

  #toRow(job: J) {
    const {
      kind: _,
      tenantId,
      jobId,
      state,
      requestedBy,
      expected,
      frozen,
      rollout,
      ...others
    } = job;
    const { createdAt, expiresAt, finishedAt, cutShort, counts, failure, ...spec } = others;
    const plain = { expected, frozen, createdAt, expiresAt, finishedAt, cutShort };
    const texts = { requestedBy, rollout, counts, failure };
    const parts = inPieces(JSON.stringify(spec));
    return {
      partitionKey: this.#partition(tenantId),
      rowKey: jobId,
      v: version,
      state,
      ...present(plain),
      parts: parts.length,
      ...Object.fromEntries(parts.map((text, index) => [`spec${index}`, text])),
      ...Object.fromEntries(
        Object.entries(present(texts)).map(([name, value]) => [name, JSON.stringify(value)]),
      ),
    };
  }

  #fromRow(row: StoredRow): J {
    const texts = ["requestedBy", "rollout", "counts", "failure"].flatMap((name) =>
      typeof row.columns[name] === "string" ? [[name, JSON.parse(textOf(row, name))]] : [],
    );
    const { v: _, parts, ...job } = JobRow.parse({ ...row.columns, ...Object.fromEntries(texts) });
    const pieces = Array.from({ length: parts }, (_part, index) => textOf(row, `spec${index}`));
    const spec = pieces.join("");
    const ids = { kind: this.#shape.id, tenantId: this.#tenantOf(row), jobId: row.rowKey };
    return { ...ids, ...job, ...this.#shape.spec.parse(JSON.parse(spec)) } as unknown as J;
  }

  #tenantOf({ partitionKey }: StoredRow): string {
    return partitionKey.slice(0, partitionKey.length - this.#shape.id.length - 1);
  }
}

const targetsPath = (jobId: string): string => `targets/${jobId}.json`;

/** Most characters in one column. */
const maxChars = 30_000;

const inPieces = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / maxChars) }, (_, index) =>
    text.slice(index * maxChars, (index + 1) * maxChars),
  );

/** Without what is absent: a column is there or not. */
const present = (values: object) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

// What went wrong with a job's messages: kept beside its row on the sweeper's list, so that whoever gives up can say
// why. Written by failing handlers, and gone when the job has ended.

/** What is known of it. */
type FailureNote = {
  /** The latest error; empty when no handler lived to tell one. */
  readonly cause: string;
  /** How many messages asking for planning were given up by the host, at which step of planning. */
  readonly plans: number;
  readonly atStep: number;
};

/** Enough for people to recognise an error. */
const maxCauseChars = 300;

type NoteIds = Pick<JobIds, "kind" | "jobId">;

/** Notes in and out. */
export class FailureNotes {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** What went wrong so far. */
  async get({ kind, jobId }: NoteIds): Promise<FailureNote> {
    const row = await this.#tables.get(tableNames.openWork, kind, jobId);
    if (row === undefined) return { cause: "", plans: 0, atStep: 0 };
    const [plans, atStep] = [numberOf(row, "plans"), numberOf(row, "atStep")];
    return { cause: textOf(row, "cause"), plans, atStep };
  }

  /** Notes the error of a handler. */
  noteError(ids: NoteIds, error: unknown, at: Instant): Promise<void> {
    return this.#note(ids, { cause: reasonOf(error, maxCauseChars), causeAt: at });
  }

  /** Notes how often planning was given up. */
  notePlans(ids: NoteIds, { plans, atStep }: Pick<FailureNote, "plans" | "atStep">): Promise<void> {
    return this.#note(ids, { plans, atStep });
  }

  async #note(
    { kind, jobId }: NoteIds,
    columns: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const row = { partitionKey: kind, rowKey: jobId, ...columns };
    // One that has ended has no such row any more, and gets none.
    await this.#tables.transact(tableNames.openWork, [{ kind: "note", row }]);
  }
}

/** The cause in words, also where nobody lived to tell it. */
export const causeOf = ({ cause }: FailureNote): string =>
  cause === "" ? "its worker died every time, without a word" : cause;
