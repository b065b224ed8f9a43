/** The access services over tables of a test's own, and functions called as values. */
import { setTimeout as wait } from "node:timers/promises";
import type { z } from "zod";
import type { HttpFunction, HttpInput, Tools } from "../../../functions/define.ts";
import type { Approval } from "../../../shared/access/approvals/approval.ts";
import { ApprovalStore } from "../../../shared/access/approvals/approval-store.ts";
import type { AuditEvent } from "../../../shared/access/audit/audit-event.ts";
import { auditTrail } from "../../../shared/access/audit/audit-trail.ts";
import { evaluate } from "../../../shared/access/evaluate.ts";
import { requirementOf } from "../../../shared/access/requirements.ts";
import { AssignmentStore } from "../../../shared/access/roles/assignment-store.ts";
import { RoleStore } from "../../../shared/access/roles/role-store.ts";
import { cachedSnapshots } from "../../../shared/access/roles/snapshot.ts";
import type { Caller, Principal } from "../../../shared/access/sign-in/caller.ts";
import type { AccessServices, AuditNote, SignedIn } from "../../../shared/access/signed-in.ts";
import type { Operation } from "../../../shared/http/operation.ts";
import { toIso } from "../../../shared/kernel/clock.ts";
import { digest, newestFirstId, randomId } from "../../../shared/kernel/values.ts";
import { noon, openOwnTables, stillClock } from "./tables.ts";

const homeTenantId = "11111111-1111-4111-8111-111111111111";

/** A stable object id for a name. */
const idOf = (name: string): string =>
  digest(name).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
/** A person as assignments name them. */
export const person = (name: string): Principal => ({ kind: "user", homeTenantId, id: idOf(name) });
/** A person who calls. */
export const caller = (name: string): Caller => ({
  kind: "user",
  oid: idOf(name),
  tid: homeTenantId,
  appId: "console",
  name,
  groups: [],
  groupsComplete: true,
  scopes: [],
  roles: [],
});

/** What a test hands to a function; the rest is as empty as a request can be. */
type Given = {
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
  readonly ifMatch?: string;
  readonly seed?: string;
  readonly accept?: string;
};

/** An installation whose first administrator is called `admin`. */
export async function startAccess() {
  const tables = await openOwnTables();
  const [roles, assignments] = [new RoleStore(tables), new AssignmentStore(tables)];
  const first = { homeTenantId, id: idOf("admin") };
  const settled: Approval[] = [];
  const access: AccessServices = {
    roles,
    assignments,
    snapshots: cachedSnapshots({ roles, assignments, first, clock: stillClock }),
    clock: stillClock,
    approvals: new ApprovalStore(tables),
    settled: async (approval) => void settled.push(approval),
    auditing: { tables, clock: stillClock },
  };
  const notes: AuditNote[] = [];
  const standingOf = async (who: Caller) => ({ caller: who, ...(await access.snapshots.read()) });
  const trail = auditTrail({ tables, random: Math.random, wait: (ms) => wait(ms) });
  return {
    access,
    notes,
    settled,
    requirementOf,
    audit: (more: Partial<AuditEvent>) =>
      trail.append({
        eventId: randomId(),
        at: toIso(noon),
        actor: { kind: "user", id: "ana" },
        operation: "tenants-change",
        outcome: "allowed",
        requestId: "r",
        ...more,
      }),
    /** Whether somebody may call an operation of some tenant. */
    may: async (who: Caller, operation: string) => {
      const requirement = requirementOf(operation);
      if (requirement === undefined) return false;
      return evaluate(await standingOf(who), requirement, { tenantId: randomId() }).allowed;
    },
    /** Calls a function as somebody, after the checks of its schemas. */
    async call(definition: HttpFunction, who: Caller, given: Given) {
      const signedIn: SignedIn = {
        caller: who,
        standing: await standingOf(who),
        authorization: { allowed: true, limits: { kind: "all" }, asked: [] },
        access,
        note: (note) => void notes.push(note),
      };
      const tools = { signedIn } as unknown as Tools;
      const result = await definition.handle(inputOf(definition.operation, given), tools);
      if (!result.ok) {
        const { code, detail } = result.failure;
        return { status: 0, code: code as string, body: {}, text: detail };
      }
      const { status, body, stream } = result.value;
      let text = "";
      for await (const piece of stream ?? []) text += piece;
      return { status, code: "", body: (body ?? {}) as Record<string, unknown>, text };
    },
  };
}

function inputOf(operation: Operation, given: Given): HttpInput<Operation> {
  return {
    params: parsed(operation.params, given.params),
    query: parsed(operation.query, given.query),
    body: parsed(operation.body, given.body),
    ifMatch: given.ifMatch,
    seed: given.seed ?? newestFirstId(noon),
    url: new URL("http://127.0.0.1/api/v1/x"),
    accept: given.accept ?? "application/json",
  } as HttpInput<Operation>;
}

const parsed = (schema: z.ZodType | undefined, value: object | undefined) =>
  schema?.parse(
    Object.fromEntries(Object.entries(value ?? {}).filter(([, each]) => each !== null)),
  );
