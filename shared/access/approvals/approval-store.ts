/** Rows of approvals, by tenant and newest first, and the one row of rules. */

import * as z from "zod";
import { digest } from "../../kernel/values.ts";
import { tableNames } from "../../storage/names.ts";
import { jsonOf, numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { type Caller, callerKinds, type Principal } from "../sign-in/caller.ts";
import type { Approval, Person } from "./approval.ts";
import { ApprovalPolicy, approvableKinds } from "./approval-policy.ts";

/** An approval with the etag that a decision must present. */
export type StoredApproval = { readonly approval: Approval; readonly etag: string };

/** Rules with their etag; no etag while nobody has written any. */
export type StoredRules = { readonly rules: ApprovalPolicy; readonly etag?: string };

/** Devices that somebody sent an action to without a second person: by notification, oldest first. */
export type Sent = z.output<typeof Sent>;
const Sent = z
  .array(z.object({ id: z.string(), at: z.number(), count: z.number() }).readonly())
  .readonly();

/** One person's use of one action in one tenant. */
export type SentKey = {
  readonly tenantId: string;
  readonly principal: Principal;
  readonly action: string;
};

/** Behind every approval of the tenant, which its list leaves out. */
const sentPrefix = "~";
const sentKey = ({ principal: { kind, homeTenantId, id }, action }: SentKey): string =>
  sentPrefix + digest(kind, homeTenantId, id, action);

const rulesPartition = "rules";
const rulesRow = "all";
/** Characters of rules in one row. */
export const maxRulesChars = 30_000;

/** Rows in and out. */
export class ApprovalStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One approval, or undefined. */
  async get(tenantId: string, approvalId: string): Promise<StoredApproval | undefined> {
    const row = await this.#tables.get(tableNames.approvals, tenantId, approvalId);
    return row === undefined ? undefined : { approval: fromRow(row), etag: row.etag };
  }

  /** Adds an approval unless it exists: asking twice asks once. */
  insert(approval: Approval): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.approvals, toRow(approval));
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

  /** Writes all rules over those that had `etag`, or for the first time; undefined when it was lost. */
  async replaceRules(rules: ApprovalPolicy, etag: string | undefined): Promise<string | undefined> {
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
