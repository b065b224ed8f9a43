/** What the engine's four queues carry: the job, and of long work where it is. Rows decide what is to be done. */
import * as z from "zod";

/** Longest id of a target: what a row key takes in any language. */
const targetId = z.string().min(1).max(250);
const jobIds = {
  kind: z.string().regex(/^[a-z][A-Za-z]{0,30}$/),
  tenantId: z.string().min(1).max(64),
  jobId: z.string().regex(/^[0-9a-z]{22}$/),
};

/** Plan a job, or close what waits of it. */
export const JobMessage = z.strictObject(jobIds);

/** Requests reserved for a pass that has to wait for its time. */
const Reserved = z.strictObject({
  reserved: z.int().min(0),
  at: z.number(),
  shiftMs: z.number().min(0),
});

const chunk = { ...jobIds, from: targetId, to: targetId };

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
});
export type ReadBackMessage = z.output<typeof ReadBackMessage>;

/** A chunk: a job's consecutive rows. */
export type ChunkIds = Pick<ChunkMessage, "kind" | "tenantId" | "jobId" | "from" | "to">;
