/** What somebody asks the audit trail for. Pure. */
import type { AuditEvent } from "./audit-event.ts";

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
