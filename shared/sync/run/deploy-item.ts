/**
 * Makes one change of a deploy. What it does next follows from its row and from what the tenant shows now: an item
 * that reads as wanted is done, whoever made it so; one that moved since the plan is stale; a creation whose outcome
 * nobody saw is waited for and never made again. Reading back decides, not the answer to the write.
 */
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import type { GraphRequest } from "../../graph/client.ts";
import type { Clock } from "../../kernel/clock.ts";
import { plainText } from "../../kernel/outside-text.ts";
import { refusalOf, stepsOf } from "../catalogue/catalogue.ts";
import type {
  ConfigurationType,
  ItemWrite,
  ReasonCode,
  WriteStep,
} from "../catalogue/configuration-type.ts";
import { named, shaped } from "../items/canonical.ts";
import type { Item } from "../items/item.ts";
import { type JsonObject, textOf } from "../items/json.ts";
import { lookupIn, type Referable, resolveForWrite } from "../items/references.ts";
import { compareHere, filledIn } from "../plan/compare.ts";
import { hasMoved, partOf } from "../plan/has-moved.ts";
import type { PlannedChange } from "../plan/plan.ts";
import { tokensIn } from "../plan/shape.ts";
import type { MadeItem, NameFinder, ThingFinder } from "../reading/find-names.ts";
import type { Asker, Later, PacedCall, PacedGraph } from "../reading/paced-graph.ts";
import { idOf, nothingRead, readItem, readType, readWhole } from "../reading/read-type.ts";
import type { KeptItem, Repository, Tree } from "../revisions/revisions.ts";
import { type ItemProgress, isSettled } from "../state/sync.ts";
import type { SyncIds } from "../state/sync-work.ts";

/** A change at work. */
export type ItemWork = {
  readonly ids: SyncIds;
  readonly change: PlannedChange;
  readonly type: ConfigurationType;
  /** The item as it is wanted, in canonical form; absent where it is to go. */
  readonly wanted: Item | undefined;
  /** Its id in the tenant, where it is there. */
  readonly id: string | undefined;
  /** Whoever writes: the app, or a person who has signed in. */
  readonly writer: Asker;
  /** The tenant as it was read. */
  readonly tree: Tree;
  /** Items that this deploy has made or changed. */
  readonly made: readonly MadeItem[];
};

/** What becomes of the row: its next state, and when to look again where it is not settled. */
export type ItemOutcome = { readonly next: ItemProgress; readonly afterMs?: number };

/** Keeps the row before anything is done that must not be done twice. */
export type Mark = (next: ItemProgress) => Promise<void>;

/** What is left of a write that Intune holds. */
const HeldSteps = z.object({ steps: z.array(z.custom<WriteStep>()) });

/** How long a created item may take to be seen, and any write to be read back as made. */
const visibleMs = 120_000;
const againMs = 1_000;
const maxTries = 4;
/** Why an item that was there a moment ago may be read a moment later. */
const maybeLater: ReadonlySet<ReasonCode> = new Set(["unavailable", "incompleteRead"]);
/** After a refusal that comes too early, times the tries there were. */
const earlyMs = 5_000;

type Parts = {
  readonly graph: PacedGraph;
  readonly revisions: Repository;
  readonly names: NameFinder;
  readonly things: ThingFinder;
  readonly clock: Clock;
};

/** The maker of changes. */
export class ItemWriter {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Goes on with one change as far as it can. */
  async goOn(work: ItemWork, row: ItemProgress, mark: Mark): Promise<ItemOutcome> {
    const found = await this.#find(work, row);
    if (found.kind === "later") return { next: row, afterMs: found.afterMs };
    if (found.kind === "failed") return this.#notRead(row, found);
    const current = found.kind === "item" ? found.kept : undefined;
    if (isAsWanted(work, current) || isCreated(work, row, current))
      return this.#done(work, row, current);
    if (row.state === "checking") return this.#waitUntilSeen(row, work, current);
    if (row.state === "writing" && work.change.action === "create" && current === undefined)
      return this.#waitUntilSeen(row, work, current);
    if (hasMoved(work, row, current)) return this.#stale(work, row, current);
    if (row.tries >= maxTries)
      return {
        next: this.#failed(row, "unavailable", row.detail ?? "it was tried again and again"),
      };
    return this.#write(work, row, found, mark);
  }

  /** The item as the tenant has it now. */
  async #find(work: ItemWork, row: ItemProgress): Promise<Found> {
    const { graph } = this.#parts;
    const asking = this.#reading(work);
    const id = row.id ?? work.id;
    if (id !== undefined || work.type.kind === "singleton") {
      const read = await readItem(graph, asking, work.type, id ?? "");
      return read.kind === "item" ? this.#canonical(work, read.raw) : read;
    }
    // Nobody knows its id: it may have been made by a worker that died, or by somebody else meanwhile.
    const list = await readType(graph, asking, work.type, nothingRead);
    if (list.kind !== "read") return list;
    for (const raw of list.reading.items) {
      const each = await this.#canonical(work, raw);
      if (each.kind !== "item" || each.kept.item.key === work.change.key) return each;
    }
    return { kind: "absent", taken: list.reading.items.map(idOf) };
  }

  async #canonical({ ids, type, tree, made }: ItemWork, raw: JsonObject): Promise<Found> {
    const { names } = this.#parts;
    const item = shaped(type, raw);
    const found = await names.find(ids.tenantId, [item], tree, { made });
    if (found.kind === "failed") return found;
    return { kind: "item", kept: named(item, found.resolve), raw };
  }

  async #write(
    work: ItemWork,
    row: ItemProgress,
    found: Extract<Found, { kind: "item" | "absent" }>,
    mark: Mark,
  ): Promise<ItemOutcome> {
    const current = found.kind === "item" ? found.kept : undefined;
    const steps = await this.#steps(work, row, found);
    if (steps.kind === "failed") return { next: this.#failed(row, steps.reason, steps.detail) };
    const { clock } = this.#parts;
    const id = current?.item.id;
    const next: ItemProgress = {
      ...row,
      state: "writing",
      tries: row.tries + 1,
      writtenAt: row.writtenAt ?? clock.now(),
      touchedAt: clock.now(),
      ...(id === undefined ? {} : { id }),
    };
    await mark(next);
    return this.#send(work, row, next, steps.steps);
  }

  /** Sends what is left of a write; `approvalCode`: what its first request has been approved under. */
  async #send(
    work: ItemWork,
    row: ItemProgress,
    begun: ItemProgress,
    steps: readonly WriteStep[],
    approvalCode?: string,
  ): Promise<ItemOutcome> {
    let next = begun;
    for (const [at, step] of steps.entries()) {
      const request = requestOf(step, next.id);
      const approved = at === 0 && approvalCode !== undefined ? { approvalCode } : {};
      const asked = { ...request, ...approved };
      const answer = await this.#parts.graph.write(this.#writing(work), asked);
      if (answer.kind === "ok") {
        const made = idIn(answer);
        if (work.change.action === "create" && next.id === undefined && made !== undefined)
          next = { ...next, id: made };
        continue;
      }
      // Once a part of it is written, the mark stays, whatever becomes of the rest.
      const before = at === 0 ? row : next;
      return this.#notDone(work, before, next, steps.slice(at), answer);
    }
    return { next: { ...next, state: "checking" }, afterMs: 0 };
  }

  /** What Intune says of the requests that it holds or held, by their codes; undefined where it does not say. */
  async approvalRequests(tenantId: string): Promise<ReadonlyMap<string, string> | undefined> {
    const asking = {
      tenantId,
      asker: tenantId,
      graph: "beta",
      workload: "configurationReads",
    } as const;
    const path = "/deviceManagement/operationApprovalRequests";
    const listed = await readWhole(this.#parts.graph, asking, path);
    return listed && new Map(listed.map((each) => [idOf(each), textOf(each["status"])]));
  }

  /** What becomes of a write that Intune held; undefined while it goes on waiting. */
  async afterApproval(
    work: ItemWork,
    row: ItemProgress,
    status: string,
  ): Promise<ItemProgress | undefined> {
    const { clock, revisions } = this.#parts;
    const now = clock.now();
    const { approvalCode: _, request, detail: __, ...rest } = row;
    if (status === "rejected" || status === "cancelled")
      return this.#failed(rest, "intuneApprovalRejected", `In Intune it was ${status}.`);
    if (status === "expired")
      return this.#failed(rest, "intuneApprovalExpired", "Nobody approved it in Intune in time.");
    // Sent by a worker that died: what it made is looked for, and what is missing still is written.
    if (status === "completed") return { ...rest, state: "writing", writtenAt: now };
    if (status !== "approved" || request === undefined) return undefined;
    const { steps } = await revisions.document(work.ids.tenantId, request, HeldSteps);
    const begun: ItemProgress = { ...rest, state: "writing", writtenAt: now };
    const { next } = await this.#send(work, row, begun, steps, row.approvalCode);
    // Throttled or unclear: Intune says the next time whether it was done. The row keeps its code until then.
    const isAnswered = next.state === "checking" || isSettled(next);
    return isAnswered || next.approvalCode !== undefined ? next : undefined;
  }

  /** What an answer that is no success means for the change; `row`: what it is if this was surely not done. */
  async #notDone(
    work: ItemWork,
    row: ItemProgress,
    next: ItemProgress,
    left: readonly WriteStep[],
    answer: Exclude<GraphAnswer, { kind: "ok" }> | Later,
  ): Promise<ItemOutcome> {
    switch (answer.kind) {
      case "later":
        // Nothing was asked: the mark is taken back, so that it is no sign of a write.
        return { next: { ...row, detail: answer.why }, afterMs: answer.afterMs };
      case "throttled":
      case "busy": {
        const afterMs = answer.retryAfterMs ?? againMs;
        return { next: { ...unmarked(next, row), detail: answer.why }, afterMs };
      }
      case "approvalNeeded": {
        const document = await this.#parts.revisions.putDocument(work.ids.tenantId, {
          steps: left,
        });
        return {
          next: {
            ...unmarked(next, row),
            state: "waitingForIntuneApproval",
            approvalCode: answer.approvalCode,
            request: document,
            detail: "Intune holds it until a second administrator approves it there.",
          },
        };
      }
      case "refused": {
        // Gone already, as it is wanted: an earlier request may have done it, and not every part of the service shows that yet.
        if (answer.reason === "notFound" && work.change.action === "delete")
          return { next: { ...next, state: "checking" }, afterMs: againMs };
        if (next.tries < maxTries && isEarly(work, next, left, answer))
          return {
            next: { ...unmarked(next, row), detail: wordsOf(answer) },
            afterMs: earlyMs * next.tries,
          };
        const requestId = answer.headers?.["request-id"];
        const traced = requestId === undefined ? {} : { requestId };
        const surely = unmarked(next, row);
        return { next: { ...this.#failed(surely, reasonFor(answer), wordsOf(answer)), ...traced } };
      }
      case "unclear":
      case "dependencyFailed":
        // Looked at first, the next time.
        return { next: { ...next, detail: answer.why }, afterMs: againMs };
    }
  }

  async #steps(
    { ids, type, change, wanted, made, tree }: ItemWork,
    row: ItemProgress,
    there: Extract<Found, { kind: "item" | "absent" }>,
  ): Promise<
    | { readonly kind: "steps"; readonly steps: readonly WriteStep[] }
    | { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string }
  > {
    const current = there.kind === "item" ? there.kept : undefined;
    const bodies = [wanted?.body, current?.item.body];
    const found = await this.#parts.things.find(ids.tenantId, tree, bodies, made);
    if (found.kind === "failed") return found;
    // What the item names already is there, whether its type was read or not.
    const lookup = lookupIn([...found.things, ...namedIn(current?.item.body)]);
    const after = wanted && resolveForWrite(wanted.body, lookup);
    if (after?.ok === false) {
      const [first] = after.faults;
      return {
        kind: "failed",
        reason: first?.reason ?? "referenceUnresolved",
        detail: after.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join("; "),
      };
    }
    const before = current && resolveForWrite(current.item.body, lookup);
    const changed = compareHere(type, current?.item.body, wanted?.body).map(({ pointer }) =>
      partOf(pointer),
    );
    const id = row.id ?? current?.item.id;
    const write: ItemWrite = {
      action: actionNow(change, current),
      changed: [...new Set(changed)],
      ...(id === undefined ? {} : { id }),
      ...(before?.ok === true ? { before: before.body } : {}),
      ...(after === undefined ? {} : { after: after.body }),
      ...(there.kind === "item" ? { raw: there.raw } : {}),
      ...(there.kind === "absent" && there.taken !== undefined ? { taken: there.taken } : {}),
    };
    const refused = refusalOf(type, write);
    if (refused !== undefined) return { kind: "failed", ...refused };
    return { kind: "steps", steps: stepsOf(type, write) };
  }

  async #done(
    { ids }: ItemWork,
    row: ItemProgress,
    current: KeptItem | undefined,
  ): Promise<ItemOutcome> {
    const id = current?.item.id;
    const { reason: _, detail: __, ...rest } = row;
    const found = await this.#keepFound(ids.tenantId, current);
    return { next: { ...rest, ...found, ...(id === undefined ? {} : { id }), state: "done" } };
  }

  async #stale(
    { ids }: ItemWork,
    row: ItemProgress,
    current: KeptItem | undefined,
  ): Promise<ItemOutcome> {
    const detail = "It changed in the tenant after the plan was made.";
    const found = await this.#keepFound(ids.tenantId, current);
    return {
      next: { ...row, ...found, state: "stale", reason: "conflictChangedSincePlan", detail },
    };
  }

  /** An item as it is now, or that there is none, for the snapshot after the deploy. */
  async #keepFound(tenantId: string, current: KeptItem | undefined) {
    const document = { kept: current ?? null };
    return { found: await this.#parts.revisions.putDocument(tenantId, document) };
  }

  /** The item cannot be read; of one that may have been written that says nothing, and it is looked for as long as for one that does not show. */
  #notRead(row: ItemProgress, { reason, detail }: Extract<Found, { kind: "failed" }>): ItemOutcome {
    if (row.state === "queued" || !maybeLater.has(reason))
      return { next: this.#failed(row, reason, detail) };
    const waitMs = this.#waitMs(row);
    if (waitMs !== undefined) return { next: row, afterMs: waitMs };
    return {
      next: this.#failed(
        row,
        "outcomeUnknown",
        `It was sent, and could not be read back: ${detail}`,
      ),
    };
  }

  /** When to look again for what was written; undefined where it has had its time. */
  #waitMs({ writtenAt, touchedAt }: ItemProgress): number | undefined {
    const waitedMs = this.#parts.clock.now() - (writtenAt ?? touchedAt);
    return waitedMs < visibleMs ? Math.min(againMs * 2 ** (waitedMs / 20_000), 15_000) : undefined;
  }

  /** A write was made, and the tenant does not show it yet. */
  #waitUntilSeen(
    row: ItemProgress,
    { type, wanted }: ItemWork,
    current: KeptItem | undefined,
  ): ItemOutcome {
    const waitMs = this.#waitMs(row);
    if (waitMs !== undefined) return { next: row, afterMs: waitMs };
    if (current === undefined && wanted !== undefined)
      return {
        next: this.#failed(
          row,
          "outcomeUnknown",
          "It was sent, and the tenant has not shown it since. Look there before you try again.",
        ),
      };
    const differing = compareHere(type, current?.item.body, wanted?.body)
      .slice(0, 5)
      .map(({ pointer }) => pointer);
    const detail =
      wanted === undefined
        ? "It was deleted, and is still there."
        : `It was written, and reads back differently at ${differing.join(", ")}.`;
    return { next: this.#failed(row, "validationFailed", detail) };
  }

  #failed(row: ItemProgress, reason: ReasonCode, detail: string): ItemProgress {
    return { ...row, state: "failed", reason, detail: plainText(detail, 400) };
  }

  #reading({ ids: { tenantId }, type }: ItemWork): PacedCall {
    return { tenantId, asker: tenantId, graph: type.graph, workload: type.workloads.read };
  }

  #writing({ ids: { tenantId }, type, writer }: ItemWork): PacedCall {
    return { tenantId, asker: writer, graph: type.graph, workload: type.workloads.write };
  }
}

type Found =
  | { readonly kind: "item"; readonly kept: KeptItem; readonly raw: JsonObject }
  | { readonly kind: "absent"; readonly taken?: readonly string[] }
  | Later
  | { readonly kind: "failed"; readonly reason: ReasonCode; readonly detail: string };

function isAsWanted({ type, wanted }: ItemWork, current: KeptItem | undefined): boolean {
  if (wanted === undefined || current === undefined)
    return wanted === undefined && current === undefined;
  return compareHere(type, current.item.body, wanted.body).length === 0;
}

/** What we have created is there with all that was wanted; the service may have filled in what nobody named. */
const isCreated = (
  { type, wanted }: ItemWork,
  { action, writtenAt }: ItemProgress,
  current: KeptItem | undefined,
): boolean =>
  action === "create" &&
  writtenAt !== undefined &&
  wanted !== undefined &&
  current !== undefined &&
  filledIn(type, wanted.body, current.item.body) !== undefined;

/** What a creation of several requests has begun is there already, and is finished as an update. */
const actionNow = ({ action }: PlannedChange, current: KeptItem | undefined) =>
  action === "create" && current !== undefined ? "update" : action;

const namedIn = (body: JsonObject | undefined): Referable[] =>
  [...tokensIn(body)].flatMap(({ $ref: family, id, name }) =>
    id === undefined ? [] : [{ family, id, ...(name === undefined ? {} : { name }) }],
  );

/** A request with the item's id where the step names it. */
const requestOf = ({ method, path, body }: WriteStep, id: string | undefined): GraphRequest => ({
  method,
  path: id === undefined ? path : path.replace("{id}", encodeURIComponent(id)),
  ...(body === undefined ? {} : { body }),
});

function idIn(answer: GraphAnswer): string | undefined {
  if (answer.kind !== "ok" || typeof answer.body !== "object" || answer.body === null)
    return undefined;
  return idOf(answer.body as JsonObject) || undefined;
}

/**
 * Whether a refusal may only mean that not every part of the service knows yet what was made a moment ago: the item
 * itself, which a later request changes, or one that the body names.
 */
function isEarly(
  { made }: ItemWork,
  { action, id }: ItemProgress,
  [step]: readonly WriteStep[],
  { reason }: Extract<GraphAnswer, { kind: "refused" }>,
): boolean {
  if (reason === "notFound" && action === "create" && id !== undefined) return true;
  const text = JSON.stringify(step?.body ?? null).toLowerCase();
  return made.some((each) => text.includes(JSON.stringify(each.id).toLowerCase()));
}

/** Surely not done: the mark of before comes back, and where there was none, there is none. */
function unmarked(next: ItemProgress, { state, writtenAt }: ItemProgress): ItemProgress {
  const { writtenAt: _, ...rest } = next;
  return { ...rest, state, ...(writtenAt === undefined ? {} : { writtenAt }) };
}

const reasonFor = ({ reason }: Extract<GraphAnswer, { kind: "refused" }>): ReasonCode => {
  if (reason === "forbidden" || reason === "signedOut") return "consentMissing";
  return reason === "changed" ? "conflictChangedSincePlan" : "validationFailed";
};
