/** The access services over tables of a test's own, and functions called as values. */
import { setTimeout as wait } from "node:timers/promises";
import type { z } from "zod";
import type { HttpFunction, HttpInput, Tools } from "../../../functions/define.ts";
import type { Services } from "../../../functions/services.ts";
import type { AccessServices } from "../../../functions/services-access.ts";
import type { Approval } from "../../../shared/access/approvals/approval.ts";
import { ApprovalGate } from "../../../shared/access/approvals/approval-gate.ts";
import { type AuditEvent, AuditReader } from "../../../shared/access/audit/records.ts";
import { auditTrail } from "../../../shared/access/audit/trail.ts";
import { evaluate } from "../../../shared/access/roles/decide.ts";
import {
  AssignmentStore,
  cachedSnapshots,
  RoleStore,
} from "../../../shared/access/roles/granted.ts";
import { AssignmentRegistry, RoleRegistry } from "../../../shared/access/roles/manage.ts";
import { requirementOf } from "../../../shared/access/roles/requirements.ts";
import type { Caller, Principal } from "../../../shared/access/sign-in/caller.ts";
import type { AuditNote, SignedIn } from "../../../shared/access/signed-in.ts";
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
  const snapshots = cachedSnapshots({ roles, assignments, first, clock: stillClock });
  const granted = { roles, assignments, snapshots };
  const registry = new RoleRegistry(granted);
  const access: AccessServices = {
    roles: registry,
    assignments: new AssignmentRegistry({ ...granted, roles: registry, clock: stillClock }),
    approvals: new ApprovalGate(tables, stillClock),
    audit: new AuditReader(tables, stillClock),
    settled: async (approval) => void settled.push(approval),
  };
  const notes: AuditNote[] = [];
  const standingOf = async (who: Caller) => ({ caller: who, ...(await snapshots.read()) });
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
    async call(definition: HttpFunction<Services>, who: Caller, given: Given) {
      const signedIn: SignedIn = {
        caller: who,
        standing: await standingOf(who),
        authorization: { allowed: true, limits: { kind: "all" }, asked: [] },
        note: (note) => void notes.push(note),
      };
      const tools = {
        signedIn,
        services: { access, clock: stillClock },
      } as unknown as Tools<Services>;
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
