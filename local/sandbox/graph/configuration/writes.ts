/** Writing configuration: creating, changing, replacing and deleting items. */
import { createHash } from "node:crypto";
import { badRequest, graphError } from "../errors.ts";
import { type GraphAnswer, type GraphCall, noContent } from "../exchange.ts";
import { entityBody } from "../query-options.ts";
import { itemMissing } from "./reads.ts";
import { type Change, type Fault, refusedBy } from "./rules.ts";
import { isBody, partsOf, shown } from "./shown.ts";
import { configurationOf, idOf, type TenantConfiguration } from "./store.ts";
import type { Body, ConfigurationSort } from "./types.ts";
import { assignmentsOf, kept, scheduledRules, stamped } from "./written.ts";

/** The object that was sent, or undefined. */
export const sentBody = ({ body }: GraphCall): Body | undefined =>
  body.kind === "json" && isBody(body.value) ? body.value : undefined;

/** 400 for a body that is no object. */
export const noBody = (call: GraphCall): GraphAnswer =>
  badRequest(
    call,
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
  );

/** When what is written now is seen. */
export const seenFrom = ({ behaviour, now }: GraphCall): number =>
  behaviour.consistencyMs > 0 ? now + behaviour.consistencyMs : 0;

/** An item that is to be written; what was made a moment ago is not found by a write either. */
export function writtenItem(
  call: GraphCall,
  sort: ConfigurationSort,
  id: string,
): Body | undefined {
  const configuration = configurationOf(call.tenant);
  const isKnown = configuration.seen(sort.key, id, call.now) !== undefined;
  return isKnown ? configuration.get(sort.key, id) : undefined;
}

/** Refuses in Graph's shape. */
function refusal(call: GraphCall, { status, message }: Fault): GraphAnswer {
  const code = status === 403 ? "Forbidden" : status === 409 ? "Conflict" : "BadRequest";
  return graphError(call, status, code, message);
}

/** Answers with the item as it is now. */
const itemAnswer = (
  call: GraphCall,
  sort: ConfigurationSort,
  body: Body,
  status: number,
): GraphAnswer => ({
  status,
  body: entityBody(call, sort.path, JSON.stringify(shown(call, sort, body, {}))),
});

/** `POST` of a new item. */
export function createItem(call: GraphCall, sort: ConfigurationSort): GraphAnswer {
  const sent = sentBody(call);
  if (sent === undefined) return noBody(call);
  const wrong = typeFault(sort, sent) ?? missingFault(sort, sent);
  if (wrong !== undefined) return refusal(call, wrong);
  const configuration = configurationOf(call.tenant);
  const id = newIdOf(configuration, sort, sent);
  const body: Body = {
    ...(sent["@odata.type"] === undefined ? {} : { "@odata.type": sent["@odata.type"] }),
    id,
    ...sort.defaults,
    ...kept(sort, sent),
    ...stamped(sort, undefined, call.now),
    ...partsWithIds(configuration, sort, sent, id),
  };
  const fault = refusedBy({ call, sort, after: body, sent });
  if (fault !== undefined) return refusal(call, fault);
  if (configuration.get(sort.key, id) !== undefined)
    return refusal(call, { status: 409, message: `An item with the id '${id}' already exists.` });
  configuration.put(sort.key, id, body, seenFrom(call));
  recordWrite(call, sort, id);
  return itemAnswer(call, sort, body, 201);
}

function partsWithIds(
  { newId }: TenantConfiguration,
  sort: ConfigurationSort,
  sent: Body,
  id: string,
): Body {
  return {
    ...("assignments" in sort.navigation
      ? { assignments: assignmentsOf(id, partsOf(sent, "assignments")) }
      : {}),
    ...("scheduledActionsForRule" in sort.navigation
      ? { scheduledActionsForRule: scheduledRules(partsOf(sent, "scheduledActionsForRule"), newId) }
      : {}),
  };
}

/** Scope tags are numbered; some ids are the caller's; all others are new GUIDs. */
export function newIdOf(
  configuration: TenantConfiguration,
  sort: ConfigurationSort,
  sent: Body,
): string {
  if (sort.idFrom !== "") return String(sent[sort.idFrom]);
  if (sort.key !== "roleScopeTag") return configuration.newId();
  return String(Math.max(0, ...configuration.all(sort.key).map(({ id }) => Number(id))) + 1);
}

function typeFault(
  { derived, key }: ConfigurationSort,
  sent: Body,
  before?: Body,
): Fault | undefined {
  const type = sent["@odata.type"];
  if (derived === undefined) return undefined;
  if (typeof type !== "string" || !derived.test(type))
    return {
      status: 400,
      message: `A type named '${typeof type === "string" ? type : ""}' could not be resolved: '@odata.type' must say which ${key} it is.`,
    };
  return before === undefined || before["@odata.type"] === type
    ? undefined
    : { status: 400, message: "The type of an item cannot be changed." };
}

function missingFault({ required }: ConfigurationSort, sent: Body): Fault | undefined {
  const name = required.find((one) => sent[one] === undefined || sent[one] === "");
  return name === undefined
    ? undefined
    : { status: 400, message: `A value is required for property '${name}' of resource.` };
}

/** `PATCH` of an item: members at the top that are named are replaced whole, all others stay. */
export function changeItem(call: GraphCall, sort: ConfigurationSort, id: string): GraphAnswer {
  const sent = sentBody(call);
  if (sent === undefined) return noBody(call);
  const before = writtenItem(call, sort, id);
  if (before === undefined) return itemMissing(call, id);
  const fixed = sort.fixed.find((name) => isChanged(before[name], sent[name]));
  const wrong =
    typeFault(sort, sent, before) ??
    (fixed === undefined
      ? undefined
      : { status: 400, message: `Property '${fixed}' is read-only and cannot be set.` });
  if (wrong !== undefined) return refusal(call, wrong);
  const after = { ...before, ...kept(sort, sent), ...stamped(sort, before, call.now) };
  return settle({ call, sort, before, after, sent }, id, sort.isIntune ? 200 : 204);
}

const isChanged = (before: unknown, sent: unknown): boolean =>
  sent !== undefined && JSON.stringify(before ?? null) !== JSON.stringify(sent);

/** `PUT` of a whole item: what is not named falls back to what a new one has; assignments stay. */
export function replaceItem(call: GraphCall, sort: ConfigurationSort, id: string): GraphAnswer {
  const sent = sentBody(call);
  if (sent === undefined) return noBody(call);
  const before = writtenItem(call, sort, id);
  if (before === undefined) return itemMissing(call, id);
  const wrong = missingFault(sort, sent);
  if (wrong !== undefined) return refusal(call, wrong);
  const { id: own, assignments } = before;
  const after: Body = {
    ...(own === undefined ? {} : { id: own }),
    ...sort.defaults,
    ...kept(sort, sent),
    ...stamped(sort, before, call.now),
    ...(assignments === undefined ? {} : { assignments }),
  };
  return settle({ call, sort, before, after, sent }, id, 204);
}

/** `DELETE` of an item. */
export function removeItem(call: GraphCall, sort: ConfigurationSort, id: string): GraphAnswer {
  const configuration = configurationOf(call.tenant);
  const before = writtenItem(call, sort, id);
  if (before === undefined) return itemMissing(call, id);
  const fault = refusedBy({ call, sort, before, sent: {} });
  if (fault !== undefined) return refusal(call, fault);
  configuration.put(sort.key, id, undefined, seenFrom(call));
  if (sort.isSoft) {
    const deletedDateTime = new Date(call.now).toISOString();
    configuration.deleted(sort.key).set(id.toLowerCase(), { ...before, deletedDateTime });
  }
  recordWrite(call, sort, id);
  return noContent;
}

/** Does a change that nothing speaks against. */
export function settle(
  change: Change & { readonly after: Body },
  id: string,
  status: number,
): GraphAnswer {
  const { call, sort, after } = change;
  const fault = refusedBy(change);
  if (fault !== undefined) return refusal(call, fault);
  configurationOf(call.tenant).put(sort.key, id, after, seenFrom(call));
  recordWrite(call, sort, idOf(sort, after));
  return status === 204 ? noContent : itemAnswer(call, sort, after, status);
}

// Every write that was taken is noted: a doubled or lost one can be counted.

/** One write. */
export type ConfigurationWrite = {
  readonly tenantId: string;
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly itemId: string;
  readonly body: unknown;
  /** SHA-256 of the body as it was sent. */
  readonly digest: string;
  readonly requestId: string;
  readonly clientRequestId: string | null;
  readonly appId: string;
  /** Who had signed in, where somebody had. */
  readonly userId: string | null;
};

/** Notes a write. */
export function recordWrite(call: GraphCall, sort: ConfigurationSort, itemId: string): void {
  const body = call.body.kind === "json" ? call.body.value : null;
  call.state.configurationWrites.push({
    tenantId: call.tenant.id,
    time: new Date(call.now).toISOString(),
    method: call.method,
    path: `/${call.version}${call.path}`,
    type: sort.key,
    itemId,
    body,
    digest: createHash("sha256").update(JSON.stringify(body)).digest("hex"),
    requestId: call.requestId,
    clientRequestId: call.clientRequestId ?? null,
    appId: call.appId,
    userId: call.userId ?? null,
  });
}
