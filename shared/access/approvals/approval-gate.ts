/**
 * The approval gate: a request waits until somebody else agrees, and then begins or ends. Its rows are approvals, by tenant
 * and newest first, what each person sent lately, and the one row of rules.
 */
import * as z from "zod";
import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { digest } from "../../kernel/values.ts";
import { tableNames } from "../../storage/names.ts";
import {
  jsonOf,
  lost,
  numberOf,
  type StoredRow,
  type Tables,
  textOf,
  updateRow,
} from "../../storage/tables.ts";
import { type Caller, callerKinds, type Principal } from "../sign-in/caller.ts";
import {
  type Approval,
  ApprovalPolicy,
  type ApprovalRule,
  approvableKinds,
  decideOn,
  type Intent,
  maxHours,
  type Person,
  type RefusedBecause,
  ruleFor,
  rulesOn,
} from "./approval.ts";

/** An approval with the etag that a decision must present. */
type StoredApproval = { readonly approval: Approval; readonly etag: string };

/** Rules with their etag; no etag while nobody has written any. */
type StoredRules = { readonly rules: ApprovalPolicy; readonly etag?: string };

/** Devices that somebody sent an action to without a second person: by notification, oldest first. */
type Sent = z.output<typeof Sent>;
const Sent = z
  .array(z.object({ id: z.string(), at: z.number(), count: z.number() }).readonly())
  .readonly();

/** One person's use of one action in one tenant. */
type SentKey = {
  readonly tenantId: string;
  readonly principal: Principal;
  readonly action: string;
};

/** Behind every approval of the tenant, which its list leaves out. */
const sentPrefix = "~";
const sentKey = ({ principal: { kind, homeTenantId, id }, action }: SentKey): string =>
  sentPrefix + digest(kind, homeTenantId, id, action);

/** What stands for the etag of rules that nobody has written yet: they can be written on condition too. */
export const noRulesEtag = '"none"';
const rulesPartition = "rules";
const rulesRow = "all";
/** Characters of rules in one row. */
const maxRulesChars = 30_000;

const hourMs = 3600 * 1000;

const sentSince = (sent: Sent, from: Instant): number =>
  sent.reduce((sum, { at, count }) => (at > from ? sum + count : sum), 0);

/** So many fit in one row; of older ones an hour becomes one entry, which ends with the hour's last. */
const maxSent = 200;

function withSent(sent: Sent, added: Sent[number], from: Instant): Sent {
  const all = [...sent.filter(({ at }) => at > from), added];
  const old = all.slice(0, -maxSent);
  const hours = new Map<number, Sent[number]>();
  for (const { at, count } of old) {
    const hour = Math.floor(at / hourMs);
    hours.set(hour, { id: "", at, count: count + (hours.get(hour)?.count ?? 0) });
  }
  return [...hours.values(), ...all.slice(-maxSent)];
}

/**
 * The gate over its rows. What waits keeps a row of its own elsewhere, in a state that says so.
 */
export class ApprovalGate {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** One approval, or undefined. */
  async get(tenantId: string, approvalId: string): Promise<StoredApproval | undefined> {
    const row = await this.#tables.get(tableNames.approvals, tenantId, approvalId);
    return row === undefined ? undefined : { approval: fromRow(row), etag: row.etag };
  }

  /** Replaces the approval that had `etag`; undefined when somebody decided meanwhile. */
  replace(approval: Approval, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.approvals, toRow(approval), etag);
  }

  /** A page of a tenant's approvals, newest first. */
  async list(tenantId: string, top: number, token?: string) {
    const range = { partition: tenantId, below: sentPrefix };
    const page = await this.#tables.page(tableNames.approvals, range, top, token);
    const items = page.rows.map(fromRow);
    return page.next === undefined ? { items } : { items, next: page.next };
  }

  /** A page of what waits, tenant by tenant; what nobody decided in time may be among it still. */
  async listPending(top: number, token?: string) {
    const where = "state eq 'pendingApproval'";
    // Tenants' ids are hexadecimal: the rules lie behind them.
    const range = { partitionsFrom: "0", partitionsBelow: "g", where };
    const page = await this.#tables.page(tableNames.approvals, range, top, token);
    const items = page.rows.map(fromRow);
    return page.next === undefined ? { items } : { items, next: page.next };
  }

  /** What somebody has sent lately, with the etag that adding to it must present. */
  async sent(key: SentKey): Promise<{ readonly sent: Sent; readonly etag?: string }> {
    const row = await this.#tables.get(tableNames.approvals, key.tenantId, sentKey(key));
    if (row === undefined) return { sent: [] };
    return { sent: jsonOf(row, "sent", Sent) ?? [], etag: row.etag };
  }

  /** Writes it over what had `etag`, or for the first time; false when somebody was faster. */
  async replaceSent(key: SentKey, sent: Sent, etag: string | undefined): Promise<boolean> {
    const row = {
      partitionKey: key.tenantId,
      rowKey: sentKey(key),
      sent: JSON.stringify(sent),
    };
    if (etag === undefined)
      return (await this.#tables.insert(tableNames.approvals, row)) === "inserted";
    return (await this.#tables.replace(tableNames.approvals, row, etag)) !== undefined;
  }

  /** The rules; none while nobody has written any. */
  async rules(): Promise<StoredRules> {
    const row = await this.#tables.get(tableNames.approvals, rulesPartition, rulesRow);
    if (row === undefined) return { rules: { rules: [] } };
    return { rules: jsonOf(row, "rules", ApprovalPolicy) ?? { rules: [] }, etag: row.etag };
  }

  /** The rules that look at an intent; of none of them nothing has to be counted. */
  async rulesAbout(intent: Omit<Intent, "count">): Promise<readonly ApprovalRule[]> {
    return rulesOn((await this.rules()).rules.rules, intent);
  }

  /**
   * The one of these rules that demands a second person, or undefined: one is enough. Then what is sent is added to
   * what the same person sent before, in one conditional write: of many small requests at the same instant each
   * counts the ones before it. What waits for a second person is not counted, since that person looks at it.
   */
  async needed(
    rules: readonly ApprovalRule[],
    intent: Intent & { readonly id: string; readonly by: Principal },
  ): Promise<ApprovalRule | undefined> {
    const { id, by: principal, count, tenantId, action } = intent;
    const key = { tenantId, principal, action };
    return updateRow(`what ${principal.id} sent in ${tenantId}`, async () => {
      const { sent, etag } = await this.sent(key);
      // The same request again, which needed nobody the first time.
      if (sent.some((each) => each.id === id)) return undefined;
      const now = this.#clock.now();
      const rule = ruleFor(rules, intent, ({ withinHours }) =>
        sentSince(sent, now - withinHours * hourMs),
      );
      if (rule !== undefined) return rule;
      const kept = withSent(sent, { id, at: now, count }, now - maxHours * hourMs);
      return (await this.replaceSent(key, kept, etag)) ? undefined : lost;
    });
  }

  /** Asks for approval. `approvalId` comes from the request, so that a repeated one asks once. */
  async ask(
    { approvers, expiresAfterHours }: ApprovalRule,
    asked: Pick<
      Approval,
      "approvalId" | "tenantId" | "subject" | "digest" | "requestedBy" | "requester"
    >,
  ): Promise<Approval> {
    const createdAt = this.#clock.now();
    const expiresAt = createdAt + expiresAfterHours * hourMs;
    const state = "pendingApproval";
    const approval: Approval = { ...asked, approvers, state, createdAt, expiresAt };
    await this.#tables.insert(tableNames.approvals, toRow(approval));
    return (await this.get(asked.tenantId, asked.approvalId))?.approval ?? approval;
  }

  /** Reads an approval for a caller. */
  async read(tenantId: string, approvalId: string): Promise<Result<Approval>> {
    const stored = await this.get(tenantId, approvalId);
    return stored === undefined ? unknownApproval(approvalId) : succeed(stored.approval);
  }

  /**
   * A second person approves or rejects. `settled` moves what waited: begins it when approved, ends it when rejected. It
   * is called again after a crash. Answers the approval as it is now, and as it was.
   */
  async settle(
    ids: { readonly tenantId: string; readonly approvalId: string },
    verdict: {
      readonly event: "approve" | "reject";
      readonly by: Person;
      readonly digest: string;
      readonly comment?: string | undefined;
    },
    settled: (approval: Approval) => Promise<void>,
  ): Promise<Result<{ readonly approval: Approval; readonly before: Approval }>> {
    return updateRow(`approval ${ids.approvalId}`, async () => {
      const stored = await this.get(ids.tenantId, ids.approvalId);
      if (stored === undefined) return unknownApproval(ids.approvalId);
      const decided = decideOn(stored.approval, { ...verdict, now: this.#clock.now() });
      if (decided.kind === "refused") return refusalFor(decided.why, stored.approval);
      if (decided.kind === "decided") {
        // Somebody was faster: look at what they said, and decide again.
        if ((await this.replace(decided.approval, stored.etag)) === undefined) return lost;
      }
      // Also for a repeated verdict: the first one may have died between its two steps.
      await settled(decided.approval);
      return succeed({ approval: decided.approval, before: stored.approval });
    });
  }

  /** Replaces all rules; with `ifMatch` only those that the caller read. Answers both. */
  async replaceRules(
    rules: ApprovalPolicy,
    ifMatch: string | undefined,
  ): Promise<Result<StoredRules & { readonly before: ApprovalPolicy }>> {
    if (JSON.stringify(rules).length > maxRulesChars)
      return fail("invalid-request", `The rules have more than ${maxRulesChars} characters.`);
    const stored = await this.rules();
    const changed = fail("precondition-failed", "The rules changed since you read them.");
    if (ifMatch !== undefined && ifMatch !== (stored.etag ?? noRulesEtag)) return changed;
    const etag = await this.#writeRules(rules, stored.etag);
    return etag === undefined ? changed : succeed({ rules, etag, before: stored.rules });
  }

  /** Writes all rules over those that had `etag`, or for the first time; undefined when it was lost. */
  async #writeRules(rules: ApprovalPolicy, etag: string | undefined): Promise<string | undefined> {
    const row = {
      partitionKey: rulesPartition,
      rowKey: rulesRow,
      rules: JSON.stringify(rules),
    };
    if (etag !== undefined) return this.#tables.replace(tableNames.approvals, row, etag);
    const inserted = await this.#tables.insert(tableNames.approvals, row);
    return inserted === "inserted" ? (await this.rules()).etag : undefined;
  }
}

/** Says why somebody is not the one who decides. */
export const refusedDecider = (
  why: "own-request" | "no-person",
  approvers: readonly Caller["kind"][],
) =>
  fail(
    "forbidden",
    why === "own-request"
      ? "You asked for this yourself: somebody else has to decide."
      : `The rule lets only ${approvers.join(" or ")} approve: sign in as a person, or let the rule name who may.`,
  );

function refusalFor(why: RefusedBecause, approval: Approval): Result<never> {
  switch (why) {
    case "own-request":
    case "no-person":
      return refusedDecider(why, approval.approvers);
    case "other-digest":
      return fail(
        "conflict",
        "This is not the digest of what waits. Read the approval again, then decide on that.",
      );
    case "expired":
      return fail("conflict", `Nobody decided by ${toIso(approval.expiresAt)}. Ask for it again.`);
    case "already-decided":
      return fail("conflict", `It was ${approval.state} already.`);
  }
}

const unknownApproval = (approvalId: string) =>
  fail("unknown-approval", `There is no approval ${approvalId}.`);

// Rows.

/** A person or an app, as rows hold them. */
export const StoredPerson: z.ZodType<Person> = z.object({
  principal: z.object({
    kind: z.enum(["user", "group", "app", "bootstrap"]),
    homeTenantId: z.string(),
    id: z.string(),
  }),
  name: z.string().exactOptional(),
});
const Requester: z.ZodType<Caller> = z.object({
  kind: z.enum(callerKinds),
  oid: z.string(),
  tid: z.string(),
  appId: z.string(),
  name: z.string().exactOptional(),
  groups: z.array(z.string()),
  groupsComplete: z.boolean(),
  scopes: z.array(z.string()),
  roles: z.array(z.string()),
});
const State = z.enum(["pendingApproval", "approved", "rejected", "expired"]);
/** An object of the request, kept as it was checked when it came in. */
const Asked = z.record(z.string(), z.unknown());
/**
 * What has no column of its own. Read as strictly as it was written: a row that somebody bent gives an error, and
 * approves nothing.
 */
const Rest = z.object({
  subject: z.object({
    kind: z.enum(approvableKinds),
    id: z.string(),
    summary: z.string(),
    action: z.string(),
    count: z.number(),
  }),
  digest: z.string(),
  requestedBy: StoredPerson,
  requester: Requester,
  approvers: z.array(z.enum(callerKinds)),
  decidedBy: StoredPerson.exactOptional(),
  decidedAt: z.number().exactOptional(),
  comment: z.string().exactOptional(),
});

function toRow({ approvalId, tenantId, state, createdAt, expiresAt, ...other }: Approval) {
  const { subject, ...rest } = other;
  const { parameters, target, ...said } = subject;
  return {
    partitionKey: tenantId,
    rowKey: approvalId,
    state,
    createdAt,
    expiresAt,
    // Each may be as long as a property can be.
    parameters: JSON.stringify(parameters),
    target: JSON.stringify(target),
    rest: JSON.stringify({ ...rest, subject: said }),
  };
}

function fromRow(row: StoredRow): Approval {
  const rest = Rest.parse(JSON.parse(textOf(row, "rest")));
  return {
    approvalId: row.rowKey,
    tenantId: row.partitionKey,
    state: State.parse(row.columns["state"]),
    createdAt: numberOf(row, "createdAt"),
    expiresAt: numberOf(row, "expiresAt"),
    ...rest,
    subject: {
      ...rest.subject,
      parameters: Asked.parse(JSON.parse(textOf(row, "parameters"))),
      target: Asked.parse(JSON.parse(textOf(row, "target"))),
    },
  };
}
