/** What the audit trail keeps of one call. Pure. */
import * as z from "zod";

/** An event as it is kept for ever; fields are added, never changed. */
export const AuditEvent = z
  .object({
    eventId: z.string(),
    at: z.iso.datetime(),
    actor: z
      .object({
        kind: z.enum(["user", "app", "bootstrap", "anonymous", "system"]),
        id: z.string().describe("Object id; empty when nobody signed in"),
        homeTenantId: z.string().optional(),
        appId: z.string().optional().describe("Client id of the application that called"),
        name: z.string().optional().describe("For people to read; it can change hands"),
      })
      .describe("Who called"),
    ip: z.string().optional().describe("Address that the call came from"),
    operation: z.string().describe("operationId"),
    tenantId: z.string().optional(),
    object: z.string().optional().describe("What it was about: kind and id, or the path"),
    outcome: z.enum(["allowed", "refused", "failed"]),
    step: z
      .string()
      .optional()
      .describe(
        "Where it was refused, or the code of the failure; replayed: the answer had been given before",
      ),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    requestId: z.string(),
    approver: z.string().optional().describe("Object id of the second person"),
  })
  .meta({ id: "AuditEvent" });
export type AuditEvent = z.output<typeof AuditEvent>;

/** The trail of one tenant, or of what belongs to none. */
export type TrailId = string;

/** Where events go that belong to no tenant: sign-in refused, roles, assignments, the service. */
export const platformTrail = "platform" satisfies TrailId;

// What somebody asks the audit trail for. Pure.

/** What somebody asks the trail for. */
export type AuditFilter = {
  readonly actor?: string | undefined;
  readonly object?: string | undefined;
  readonly operation?: string | undefined;
  readonly outcome?: AuditEvent["outcome"] | undefined;
  /** ISO 8601; inclusive. */
  readonly from?: string | undefined;
  /** ISO 8601; exclusive. */
  readonly to?: string | undefined;
};

/** Whether an event passes every filter. An object is found by its id or by `kind/id`. */
export function matches(filter: AuditFilter, event: AuditEvent): boolean {
  const { actor, object, operation, outcome, from, to } = filter;
  return (
    (actor === undefined || isActor(event.actor, actor.toLowerCase())) &&
    (object === undefined || namesObject(event.object ?? "", object)) &&
    (operation === undefined || event.operation === operation) &&
    (outcome === undefined || event.outcome === outcome) &&
    (from === undefined || event.at >= from) &&
    (to === undefined || event.at < to)
  );
}

/** An app is found by its client id too; a person who called through it is not that app. */
const isActor = ({ kind, id, appId }: AuditEvent["actor"], wanted: string): boolean =>
  id === wanted || (kind === "app" && appId === wanted);

const namesObject = (text: string, wanted: string): boolean =>
  text === wanted || text.split("/").includes(wanted);
