/**
 * Jobs that wait for a second person: held when they are asked for, moved on when somebody else has decided. What a job
 * of a kind is to the rules, the kind says. Each step can be repeated: the row says what is left to do.
 */
import { type Approval, asOf, personOf } from "../../access/approvals/approval.ts";
import type { ApprovalGate } from "../../access/approvals/approval-gate.ts";
import type { Caller } from "../../access/sign-in/caller.ts";
import { digest } from "../../kernel/values.ts";
import { begin } from "../engine/at-once.ts";
import type { Engine } from "../engine/engine.ts";
import type { Gate, JobKind } from "../kind.ts";
import { emptyCounts } from "../state/item.ts";
import { type Job, type JobFailure, type JobStore, move } from "../state/job.ts";

/** What the gate works with. */
export type GateParts = {
  readonly engine: Engine;
  readonly approvals: ApprovalGate;
  /** Told of each approval that nobody decided on in time. */
  readonly expired: (approval: Approval) => Promise<void>;
};

/** A kind of job with its gate and its store. */
type Gated<J extends Job> = {
  readonly kind: Pick<JobKind<J>, "id" | "targets"> & { readonly gate: Gate<J> };
  readonly jobs: JobStore<J>;
};

/** Starts a job under its id, or holds it until a second person agrees; nobody stands for the app itself. Twice is once. */
export async function startOrWait<J extends Job>(
  parts: GateParts & Gated<J>,
  job: J,
  caller: Caller | undefined,
): Promise<J> {
  const { kind, jobs } = parts;
  const { tenantId, jobId } = job;
  const judged =
    caller === undefined
      ? { waits: false, job }
      : await askGate(parts, { kind, jobs }, job, caller);
  if (judged.waits) return judged.job;
  await jobs.insert(judged.job);
  await begin(parts.engine, judged.job);
  return (await jobs.get(tenantId, jobId))?.job ?? judged.job;
}

/**
 * Settles which targets it is for, to the last one: what is counted, what the second person sees and what is sent
 * to are then the same, whoever joins meanwhile.
 */
async function freeze<J extends Job>(
  { kind, jobs }: Gated<J>,
  job: J,
): Promise<{ readonly frozen: J; readonly targetIds: readonly string[] }> {
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const { targets, next } = await kind.targets(job, cursor);
    for (const { targetId } of targets) found.add(targetId);
    cursor = next;
  } while (cursor !== undefined);
  const targetIds = [...found].toSorted();
  await jobs.putTargets(job.jobId, targetIds);
  return { frozen: { ...job, frozen: true, expected: targetIds.length }, targetIds };
}

/** Says in one number what would be done, and to what. */
const digestOf = (whole: object, targetIds: readonly string[]): string =>
  digest(...[whole, targetIds].map((part) => JSON.stringify(part)));

/** What came of asking the rules: it is held, or goes on as it is now. */
type Judged<J> = { readonly waits: boolean; readonly job: J };

/** Holds the job if a rule asks for a second person. */
async function askGate<J extends Job>(
  parts: GateParts,
  { kind, jobs }: Gated<J>,
  job: J,
  caller: Caller,
): Promise<Judged<J>> {
  const { gate } = kind;
  const { tenantId, jobId: id } = job;
  const about = { kind: gate.kind, action: gate.actionOf(job), tenantId };
  const rules = await parts.approvals.rulesAbout(about);
  if (rules.length === 0) return { waits: false, job };
  const { frozen, targetIds } = await freeze({ kind, jobs }, job);
  const count = targetIds.length;
  const requestedBy = personOf(caller);
  const intent = { ...about, count, id, by: requestedBy.principal };
  const rule = await parts.approvals.needed(rules, intent);
  if (rule === undefined) return { waits: false, job: frozen };
  const subject = { ...about, id, ...gate.shown(job, count), count };
  const approved = digestOf(gate.whole(frozen), targetIds);
  const asked = { subject, digest: approved, requestedBy, requester: caller };
  // Before the job: one without an approval would wait for ever.
  await parts.approvals.ask(rule, { approvalId: id, tenantId, ...asked });
  const waiting: J = { ...frozen, state: "pendingApproval" };
  await jobs.insert(waiting);
  // The sweeper tells it too, for whoever dies here.
  await parts.engine.announce?.(waiting);
  const stored = await jobs.get(tenantId, id);
  return { waits: true, job: stored?.job ?? waiting };
}

/** Why what was approved is not done all the same; undefined: nothing stands against it. */
async function hindrance(
  { kind, jobs }: Gated<Job>,
  job: Job,
  { digest: approved, requester }: Approval,
): Promise<JobFailure | undefined> {
  const targetIds = await jobs.targets(job.jobId);
  if (digestOf(kind.gate.whole(job), targetIds) !== approved)
    return { code: "not-what-was-approved", detail: "it is not what the second person approved" };
  return kind.gate.hindrance(job, requester, targetIds);
}

/** The kind of an approval's subject, where it is one of the engine's with a gate. */
function gatedKind({ engine }: GateParts, { subject }: Approval): Gated<Job> | undefined {
  const entry = [...engine.kinds.values()].find(({ kind }) => kind.gate?.kind === subject.kind);
  const gate = entry?.kind.gate;
  return entry && gate && { kind: { ...entry.kind, gate }, jobs: entry.jobs };
}

/** Moves the job of an approval on, as it was decided. */
export async function settleGate(parts: GateParts, approval: Approval): Promise<void> {
  const { tenantId, subject, state } = approval;
  const gated = gatedKind(parts, approval);
  if (gated === undefined || state === "pendingApproval") return;
  for (;;) {
    const stored = await gated.jobs.get(tenantId, subject.id);
    if (stored === undefined) return;
    const { job, etag } = stored;
    const waits = job.state === "pendingApproval";
    const hindered =
      state === "approved" && waits ? await hindrance(gated, job, approval) : undefined;
    const moved = movedBy(job, approval, parts.engine.clock.now(), hindered);
    if (moved !== undefined && (await gated.jobs.replace(moved, etag)) === undefined) continue;
    const held = moved ?? job;
    // Also when it had moved before: the message may have been lost, and one too many does no harm.
    if (held.state === "planning") await begin(parts.engine, held);
    return;
  }
}

/** What was held when its time is up, or when a decision was cut short: the sweeper asks. */
export async function sweepGate(parts: GateParts, { tenantId, jobId }: Job): Promise<void> {
  const stored = await parts.approvals.get(tenantId, jobId);
  if (stored === undefined) return;
  const approval = asOf(stored.approval, parts.engine.clock.now());
  if (approval.state === "expired") {
    // Written down first, so that nobody approves it any more; told again where a sweeper died in between.
    const isNew = stored.approval.state !== "expired";
    if (isNew && (await parts.approvals.replace(approval, stored.etag)) === undefined) return;
    await parts.expired(approval);
  }
  await settleGate(parts, approval);
}

function movedBy(
  job: Job,
  { state }: Approval,
  now: number,
  hindered: JobFailure | undefined,
): Job | undefined {
  const { createdAt, expiresAt } = job;
  // It was given so much time to reach its targets; waiting for approval takes none of it.
  if (state === "approved" && hindered === undefined)
    return move(job, "approve", { expiresAt: now + expiresAt - createdAt });
  const failure =
    hindered ??
    (state === "expired"
      ? { code: "not-approved", detail: "nobody approved it in time" }
      : { code: "rejected", detail: "the second person rejected it" });
  return move(job, "reject", { counts: emptyCounts(), finishedAt: now, failure });
}
