/**
 * Writes the audit trail: which requests belong into it and as what event, what is kept out of that event, and the records
 * at the end of a chain. Events that arrive while a write is under way go into the next one together, so that a burst
 * costs few transactions; other instances are met by conditional writes (docs/decisions/0011).
 */
import { backoffMs, type Instant, toIso } from "../../kernel/clock.ts";
import { digest, randomId } from "../../kernel/values.ts";
import { tableNames } from "../../storage/names.ts";
import { type Change, lost, type Tables, textOf, updateRow } from "../../storage/tables.ts";
import type { Approval } from "../approvals/approval.ts";
import type { Caller } from "../sign-in/caller.ts";
import type { AuditNote } from "../signed-in.ts";
import {
  type AuditEvent,
  extend,
  genesis,
  type Head,
  headKey,
  headOf,
  headRow,
  type Link,
  partitionFor,
  recordRow,
  textOfEvent,
} from "./records.ts";

/** A request at its end. */
type EndedRequest = {
  readonly eventId: string;
  readonly at: Instant;
  /** Undefined when nobody was recognised. */
  readonly caller: Caller | undefined;
  readonly ip: string | undefined;
  readonly operation: string;
  readonly method: string;
  /** A registered tenant that a recognised caller asked for; never what an anonymous caller wrote. */
  readonly tenantId: string | undefined;
  readonly outcome: AuditEvent["outcome"];
  /** Where it was refused, or the code of the failure. */
  readonly step: string | undefined;
  readonly requestId: string;
  readonly note: AuditNote;
};

/** Whether a request belongs into the trail: what changes something, and what was refused. */
export const isAudited = ({
  method,
  outcome,
  note,
}: Pick<EndedRequest, "method" | "outcome" | "note">): boolean =>
  outcome === "refused" || (method !== "GET" && note.unchanged !== true);

/** The event. */
export function auditEventOf(request: EndedRequest): AuditEvent {
  const { eventId, at, caller, ip, operation, tenantId, outcome, step, requestId, note } = request;
  const { unchanged: _, ...said } = note;
  const known = { ip, tenantId, step, ...said };
  return {
    eventId,
    at: toIso(at),
    actor: actorOf(caller),
    operation,
    outcome,
    requestId,
    // What is not known is left out, not written as nothing.
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

/** The event of an approval that nobody decided on in time. */
export const expiryEvent = ({
  approvalId,
  tenantId,
  subject,
  expiresAt,
  requestedBy,
}: Approval): AuditEvent => ({
  eventId: randomId(),
  at: toIso(expiresAt),
  actor: { kind: "system", id: "" },
  operation: "approvals-expire",
  tenantId,
  object: `${subject.kind}/${subject.id}`,
  outcome: "allowed",
  before: { state: "pendingApproval" },
  after: { state: "expired", summary: subject.summary, requestedBy: requestedBy.principal },
  requestId: approvalId,
});

function actorOf(caller: Caller | undefined): AuditEvent["actor"] {
  if (caller === undefined) return { kind: "anonymous", id: "" };
  const { kind, oid, tid, appId, name } = caller;
  const said = { ...(appId === "" ? {} : { appId }), ...(name === undefined ? {} : { name }) };
  return { kind, id: oid, homeTenantId: tid, ...said };
}

/**
 * The address that a request came from: the last one of X-Forwarded-For, which the platform's own front
 * end adds. What stands before it is the caller's own claim.
 */
export function clientAddress(forwardedFor: string | null): string | undefined {
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? "";
  const [, bracketed] = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(last) ?? [];
  if (bracketed !== undefined) return bracketed;
  const [, v4] = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(last) ?? [];
  if (v4 !== undefined) return v4;
  return /^[0-9a-f:]{2,45}$/i.test(last) ? last : undefined;
}

// Which texts of a call are kept, by operation and by the place in what was before and after. Everything that is not here is
// kept as its length and a digest, so that a new field of an operation is never kept by oversight. Ids that are GUIDs,
// moments, numbers and truth values are kept everywhere but in what an action was given.

const tenant = ["displayName", "pace.deviceActions", "pace.deviceReads", "pauseReason"];
// What joins a rule, and the places in lists, are no part of a place.
const rule = ["rule.property", "rule.operator", "rule.value"];
const collection = ["collectionId", "kind", "name", "description", ...rule];
const target = [
  "kind",
  "collectionId",
  "notificationId",
  "states",
  "only",
  "rule.property",
  "rule.operator",
  "rule.value",
  "within.collectionIds",
].map((name) => `target.${name}`);
const notification = [
  "notificationId",
  "action",
  "state",
  "only",
  "expiresAfter",
  "rollout.waves.soak",
  "note",
  ...target,
  // Their names alone: whatever they hold, it is kept as a digest.
  ...["remediationScriptId", "configMgrScriptId", "query"].map((name) => `parameters.${name}`),
];
const verdict = ["state", "digest", "summary", "requestedBy.kind", "requestedBy.id", "comment"];
const role = ["roleId", "name", "description", "permissions"];
const assignment = [
  "assignmentId",
  "principal.kind",
  "principal.id",
  "roleId",
  "note",
  "scope.kind",
  "scope.collections.collectionId",
];
const webhook = ["webhookId", "events", "description", "host", "disabledReason", "owner.id"];
const approvalRule = ["kind", "actions", "tenantIds", "approvers"].map((name) => `rules.${name}`);

const template = ["name", "description", "message", "visibility"];
const registration = ["registrationId", "state", "backEnd", "sha256", "retryOf"];

/** By operation: places of texts, without the numbers of lists. */
const task = [
  "displayName",
  "kind",
  "overlap",
  "notification.action",
  "sync.mode",
  "schedule.kind",
  "schedule.rule",
  "schedule.start",
  "schedule.timeZone",
  "next.name",
];

const windows = ["windows", "exclusions"].flatMap((list) =>
  ["displayName", "collectionId", "opens.rule", "opens.start", "opens.timeZone", "from", "to"].map(
    (place) => `${list}.${place}`,
  ),
);

const keptTexts: Readonly<Record<string, readonly string[]>> = {
  "tenants-add": tenant,
  "tenants-change": tenant,
  "tenants-remove": tenant,
  "customers-check": ["partnerKind", "reseller", "delegation", "open"],
  "customers-change": ["partnerKind", "reseller", "delegation", "open", "oemConsent.link"],
  "partner-sign-in": ["state"],
  "dead-letters-replay": ["queue"],
  "dead-letters-discard": ["queue"],
  "sites-complete": ["refreshId"],
  "sites-lease": ["relayId"],
  "sites-claim": ["siteCode", "claimId", "notificationId"],
  "sites-report": ["siteCode", "claimId", "notificationId", "results.outcome"],
  "refreshes-start": ["refreshId", "state"],
  "collections-add": collection,
  "collections-replace": collection,
  "collections-remove": collection,
  "notifications-send": notification,
  "notifications-retry": notification,
  "notifications-cancel": ["state"],
  "notifications-pause": ["state"],
  "notifications-resume": ["state"],
  "sync-transition": ["status", "event"],
  "syncs-start": ["syncId", "mode"],
  "syncs-start-many": ["mode"],
  "syncs-cancel": ["syncId", "phase"],
  "syncs-pause": [],
  "syncs-resume": [],
  "syncs-undo": ["syncId", "undoes"],
  "syncs-approve": ["syncId", "planHash", "outcome"],
  "syncs-confirm": ["syncId", "planHash", "confirmed.reason"],
  "syncs-reject": ["syncId", "planHash", "outcome"],
  "syncs-reject-and-reset": ["syncId", "planHash", "outcome"],
  "sync-status-acknowledge": ["status"],
  "sync-settings-change": [
    "types",
    "deletes",
    "breakGlassGroups",
    "onMissingUser",
    "nightly.at",
    "nightly.timeZone",
    "nightly.mode",
  ],
  "configuration-edit": ["type", "key", "message"],
  "configuration-remove": ["type", "key", "message"],
  "configuration-rules-replace": ["type", "key", "message", "mode", "deviations.reason"],
  "configuration-import": ["message"],
  "baselines-add": ["name", "description", "message"],
  "baselines-replace": ["name", "description", "message"],
  "baselines-remove": ["name", "description", "message"],
  "baselines-publish": ["publishId", "syncId"],
  "templates-add": template,
  "templates-replace": template,
  "templates-remove": template,
  "templates-schedule": task,
  "tenant-variables-replace": ["names"],
  "provisioning-runs-start": [
    "templateId",
    "template.templateId",
    "template.name",
    "template.hash",
    "targets.collectionIds",
    "offline.mode",
  ],
  "provisioning-runs-cancel": ["state"],
  "provisioning-runs-restart": ["runId", "restarts", "mode", "waived.actionId", "waived.reason"],
  "provisioning-runs-pause": ["state"],
  "provisioning-runs-resume": ["state"],
  "tasks-add": task,
  "tasks-replace": task,
  "tasks-schedule": task,
  "tasks-remove": task,
  "windows-replace": windows,
  "calendars-replace": ["displayName", "dates"],
  "calendars-remove": ["displayName", "dates"],
  // Of what was registered nothing: serial numbers and hashes are the customer's.
  "registrations-submit": ["layout", "encoding", ...registration],
  "registration-lists-open": registration,
  "registration-lists-submit": registration,
  "autopilot-devices-deregister": registration,
  "autopilot-devices-change": ["groupTag"],
  "group-tags-replace": ["tags"],
  "partner-group-tags-replace": ["lists.name", "lists.tags"],
  "registrations-cancel": registration,
  "registrations-pause": registration,
  "registrations-resume": registration,
  "registrations-retry": registration,
  "sync-sign-in": ["means", "end", "code"],
  "sync-consent": ["end", "code"],
  "webhooks-add": webhook,
  "webhooks-change": webhook,
  "webhooks-remove": webhook,
  "webhooks-disable": webhook,
  "webhooks-rotate-secret": ["webhookId"],
  "webhooks-test": ["deliveryId"],
  "webhooks-redeliver": ["deliveryId"],
  "approvals-approve": verdict,
  "approvals-reject": verdict,
  "approvals-expire": verdict,
  "approval-rules-replace": approvalRule,
  "roles-add": role,
  "roles-replace": role,
  "roles-remove": role,
  "assignments-add": assignment,
  "assignments-replace": assignment,
  "assignments-remove": assignment,
};

const sets = new Map(Object.entries(keptTexts).map(([name, places]) => [name, new Set(places)]));
const nothing: ReadonlySet<string> = new Set();

/** The places whose texts are kept of an operation's calls. */
const placesKept = (operation: string): ReadonlySet<string> => sets.get(operation) ?? nothing;

// Keeps out of the audit trail what must never be in it: secrets, tokens, hardware hashes, and the text of
// scripts and queries. A text is kept where its operation and place are on a list (above) and its looks are
// harmless; of every other one, and of whatever an action was given, a digest stays. Pure.

const maxTextChars = 500;
const maxItems = 50;
const maxDepth = 8;
/** Names, without case and separators, whose values are never kept. */
const secretNames =
  /token|secret|password|passphrase|pwd|credential|apikey|accesskey|accountkey|signingkey|privatekey|authorization|cookie|assertion|certificatekey|devicecode|usercode|refreshtoken|hardwarehash|hardwareid|hardwaredata|devicehash|signature|connectionstring|sas$/;
/** Names of texts that say a lot and may hold anything: their digest tells two of them apart. */
const textNames =
  /script(body|content|text|code|block)?$|query(text)?$|^(kql|command|commandline)$/;
/** What an action is given may be anything under any name. */
const given = "parameters";
/** What joins the conditions of a rule is no part of a place. */
const joints = new Set(["and", "or", "not"]);
const idPattern = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const maxNameChars = 64;

/** Ids and counts whose names only look like the above. */
const harmless = /(id|ids|count|name|kind|type|state)$/;

const secretPatterns: readonly RegExp[] = [
  // A JSON web token.
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/,
  /-----BEGIN [A-Z ]+-----/,
  /\bBearer\s+\S{8,}/i,
  /[?&;](sig|code|AccountKey|SharedAccessKey)=[^&;\s]+/i,
  // A hardware hash, or any other block of base64 that no person typed.
  /[A-Za-z0-9+/]{200,}={0,2}/,
];

/** A copy of what was before or after a call, as it may be kept. Never throws, whatever it is given. */
export const redact = (operation: string, value: unknown): unknown =>
  clean(value, { name: "", path: "", depth: 0, kept: placesKept(operation) });

/** Where a value stands: its name, and its path without the numbers of lists; `kept`: paths whose texts are kept. */
type Place = {
  readonly name: string;
  readonly path: string;
  readonly depth: number;
  readonly kept: ReadonlySet<string>;
};

function clean(value: unknown, place: Place): unknown {
  const folded = place.name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  if (value === null || value === undefined) return value;
  const isGiven = place.path.startsWith(`${given}.`);
  if (typeof value === "boolean" && !isGiven) return value;
  if (isSecret(folded)) return "[redacted]";
  if (typeof value === "object")
    return place.depth >= maxDepth ? "[too deep]" : inside(value, place);
  if (typeof value === "number" && !isGiven) return value;
  const text = typeof value === "string" ? value : typeof value;
  if (isGiven) return idPattern.test(text) ? text : fingerprint(JSON.stringify(value) ?? text);
  return cleanText(text, textNames.test(folded), place);
}

/** `telling`: its name is of those whose texts say a lot. */
function cleanText(text: string, telling: boolean, place: Place): string {
  if (telling) return fingerprint(text);
  if (idPattern.test(text) || timePattern.test(text)) return text;
  return place.kept.has(place.path) ? plain(text) : fingerprint(text);
}

/** A text that is kept as it is, if it looks like no secret. */
function plain(text: string): string {
  if (secretPatterns.some((pattern) => pattern.test(text))) return "[redacted]";
  return text.length > maxTextChars ? `${text.slice(0, maxTextChars)}… (${text.length})` : text;
}

const isSecret = (folded: string): boolean =>
  secretNames.test(folded) && (!harmless.test(folded) || /hardware/.test(folded));

function inside(value: object, place: Place): unknown {
  const depth = place.depth + 1;
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map((item) => clean(item, { ...place, depth }));
    return value.length > maxItems ? [...items, `… (${value.length} in all)`] : items;
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxItems)
      .map(([name, inner]) => {
        const path = below(place.path, name);
        const isKnown = place.path !== given || place.kept.has(path);
        const shown = name.length > maxNameChars || !isKnown ? fingerprint(name) : name;
        return [shown, clean(inner, { ...place, name, path, depth })];
      }),
  );
}

const below = (path: string, name: string): string => {
  if (joints.has(name)) return path;
  return path === "" ? name : `${path}.${name}`;
};

/** What a call is about: a path, which holds what the caller wrote into the address. */
const objectOf = (path: string): string => plain(path);

/** Enough to see that two were the same, not enough to read one. */
const fingerprint = (text: string): string =>
  `[${text.length} characters, sha256 ${digest(text).slice(0, 16)}]`;

type Parts = {
  readonly tables: Tables;
  /** 0 to 1, for spreading writers that meet. */
  readonly random: () => number;
  /** Waits; tests make it short. */
  readonly wait: (ms: number) => Promise<void>;
  /** Told where a chain stands after each write: kept outside, it shows when a chain's end was cut off. */
  readonly anchor?: (partition: string, head: Head) => void;
};

/** Appends events. Resolves when the event is kept; throws when it cannot be. */
export type AuditTrail = { readonly append: (event: AuditEvent) => Promise<void> };

/** Records in one transaction, beside the head; Azure takes 100 changes and 4 MiB. */
const maxBatch = 40;

type Waiting = {
  readonly text: string;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/** Makes the writer of this process; a second one works too, only slower. */
export function auditTrail(parts: Parts): AuditTrail {
  const queues = new Map<string, Waiting[]>();
  const drain = async (partition: string, queue: Waiting[]): Promise<void> => {
    // What is appended in the same breath goes into one write.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue.slice(0, maxBatch);
      try {
        await write(
          parts,
          partition,
          batch.map(({ text }) => text),
        );
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
      queue.splice(0, batch.length);
    }
    queues.delete(partition);
  };
  return {
    append: (event) =>
      new Promise((done, failed) => {
        const partition = partitionFor(event);
        const waiting = { text: textOfEvent(cleaned(event)), done, failed };
        const queue = queues.get(partition);
        if (queue !== undefined) return void queue.push(waiting);
        const fresh = [waiting];
        queues.set(partition, fresh);
        return void drain(partition, fresh);
      }),
  };
}

/** An event without what may not be kept of it. */
export const cleaned = ({ before, after, object, ...event }: AuditEvent): AuditEvent => ({
  ...event,
  ...(object === undefined ? {} : { object: objectOf(object) }),
  ...(before === undefined ? {} : { before: redact(event.operation, before) }),
  ...(after === undefined ? {} : { after: redact(event.operation, after) }),
});

/** Puts texts at the end of a chain, all or none. */
async function write(parts: Parts, partition: string, texts: readonly string[]): Promise<void> {
  const batch = randomId();
  const pause = (tries: number): Promise<void> =>
    parts.wait(backoffMs(Math.min(tries, 6), { baseMs: 5, maxMs: 200, random: parts.random() }));
  const attempt = async (): Promise<undefined | typeof lost> => {
    const head = await parts.tables.get(tableNames.audit, partition, headKey);
    // Our own write whose answer was lost: writing again would say everything twice.
    if (head !== undefined && textOf(head, "batch") === batch) {
      parts.anchor?.(partition, headOf(head));
      return undefined;
    }
    const links = extend(head === undefined ? genesis(partition) : headOf(head), texts);
    const row = headRow(partition, links.at(-1) as Link, batch);
    const move: Change =
      head === undefined ? { kind: "insert", row } : { kind: "replace", row, etag: head.etag };
    const records = links.map(
      (link): Change => ({ kind: "insert", row: recordRow(partition, link) }),
    );
    const written = await parts.tables.transact(tableNames.audit, [...records, move]);
    if (written.kind === "lost") return lost;
    parts.anchor?.(partition, links.at(-1) as Link);
    return undefined;
  };
  await updateRow(`the end of audit ${partition}`, attempt, pause);
}
