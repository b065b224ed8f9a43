/**
 * The site's AdminService, as the relay uses it: what is read there and what its counts mean, how operations, scripts
 * and queries are started, and whether it is that of our own site.
 */
import {
  type Batch,
  isPush,
  type Outcome,
  pivotType,
  type SiteOperation,
  scriptType,
  type Work,
} from "../base/claim.ts";
import type { Log } from "../base/process.ts";
import {
  isPresent,
  isSet,
  numberIn,
  type OdataReader,
  odataReader,
  type Row,
  recordOf,
  type SiteAnswer,
  SiteUnreadable,
  saysWhat,
  type Transport,
  wordsOf,
} from "./transport.ts";

// What a site's counts say about single devices. Pure.
//
// An operation's status is counts, and nothing about one client. Where the counts leave no choice, each
// device's outcome follows; where they do, we say so and do not guess.

/** How many clients of an operation stand where. */
type Counts = {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly offline: number;
  readonly unknown: number;
};

/** The outcome of every device of an operation, or undefined while it is worth waiting. */
export function outcomeOf(counts: Counts, size: number, final: boolean): Outcome | undefined {
  const { completed, failed, offline } = counts;
  // A site counts clients a while after it took an operation; until then its total is short.
  const total = Math.max(counts.total, size);
  if (completed >= total) return { outcome: "done" };
  if (failed >= total)
    return { outcome: "failed", detail: "the site counts every device as failed" };
  if (completed + failed >= total) return mixed(counts);
  if (!final) return undefined;
  if (offline >= total) return { outcome: "offline", detail: "offline throughout, says the site" };
  if (completed + failed + offline === 0)
    return { outcome: "unknown", code: "no-result", detail: "no device answered the site in time" };
  return mixed(counts);
}

const mixed = ({ completed, failed, offline, unknown }: Counts): Outcome => ({
  outcome: "unknown",
  code: "counts-only",
  detail: `the site counts ${completed} done, ${failed} failed, ${offline} offline, ${unknown} silent, and not which`,
});

// The site's client operations: which there are, for whom, and how their clients are counted.

const maxRemembered = 5_000;

/** Reads operations. @throws SiteUnreadable when the site does not answer. */
function operationsReader({ list, one }: OdataReader) {
  let latest = 0;
  const targetsOf = targetsReader(one);
  return {
    /** The highest number of any operation; the list of all of them is read only once. */
    latestOperation: async (): Promise<number> => {
      const path = `/wmi/SMS_ClientOperation?$filter=ID gt ${latest}&$select=ID`;
      for (const row of await list(path)) latest = Math.max(latest, numberIn(row, "ID"));
      return latest;
    },
    /** Operations of a type above `after`, with their targets; not those `known`. */
    operationsAfter: async (
      { after, type }: { readonly after: number; readonly type: number },
      known: ReadonlySet<number>,
    ): Promise<SiteOperation[]> => {
      const filter = `ID gt ${after} and PrimaryActionType eq ${type}`;
      const found: SiteOperation[] = [];
      for (const row of await list(`/wmi/SMS_ClientOperation?$filter=${filter}`)) {
        const id = numberIn(row, "ID");
        if (!known.has(id)) found.push({ id, targets: await targetsOf(id) });
      }
      return found;
    },
    /** The counts of an operation; undefined when the site has forgotten it. */
    status: async (id: number): Promise<(Counts & { readonly expired: boolean }) | undefined> => {
      const row = await one(`/wmi/SMS_ClientOperationStatus(${id})`);
      return row && countsIn(row);
    },
  };
}

/** Reads whom an operation is for, which never changes: a lazy property that only it by itself shows. */
function targetsReader(one: OdataReader["one"]) {
  const remembered = new Map<number, readonly number[]>();
  return async (id: number): Promise<readonly number[] | undefined> => {
    const known = remembered.get(id);
    if (known !== undefined) return known;
    const operation = await one(`/wmi/SMS_ClientOperation(${id})`);
    // The list has just shown it.
    if (operation === undefined) throw new SiteUnreadable(`operation ${id} cannot be read`);
    const targets = operation["TargetResourceIDs"];
    if (!Array.isArray(targets)) return undefined;
    if (remembered.size >= maxRemembered) remembered.clear();
    const ids = targets.map(Number);
    remembered.set(id, ids);
    return ids;
  };
}

const countsIn = (row: Row) => ({
  total: numberIn(row, "TotalClients"),
  completed: numberIn(row, "CompletedClients"),
  failed: numberIn(row, "FailedClients"),
  offline: numberIn(row, "OfflineClients"),
  unknown: numberIn(row, "UnknownClients"),
  expired: row["IsExpired"] === true,
});

/** The site's AdminService, for reading. */
type SiteReader = ReturnType<typeof siteReader>;

const isOwn = (given: unknown): boolean => wordsOf(given).body.kind !== "foreign";

/** What an account that may not see sites is answered. */
const unseen = new Set([400, 403, 404]);

/** Reads from AdminService over a transport, below `base`. @throws SiteUnreadable when it does not answer. */
function siteReader(transport: Transport, base: string) {
  const reads = odataReader(transport, base);
  return {
    list: reads.list,
    ...operationsReader(reads),
    /** The exit code of a script on a device; undefined until the device has reported. */
    scriptExitCode: async (id: number, resourceId: number): Promise<number | undefined> => {
      const filter = `ClientOperationId eq ${id} and ResourceId eq ${resourceId}`;
      const [row] = await reads.list(`/wmi/SMS_ScriptsExecutionStatus?$filter=${filter}`);
      // A row without a number is a script that has not ended.
      const code = row?.["ScriptExitCode"];
      return typeof code === "number" ? code : undefined;
    },
    /** Whether a device has answered a CMPivot query, and how. */
    pivotResult: async (id: number, resourceId: number): Promise<"none" | "done" | "failed"> => {
      const path = `/v1.0/Device(${resourceId})/AdminService.CMPivotResult(OperationId=${id})`;
      const result = await reads.one(path);
      if (result === undefined) return "none";
      return "Error" in recordOf(result["value"]) ? "failed" : "done";
    },
    /** Whether a client runs on a system, as the site lists it; undefined when it lists no such system. */
    hasClient: async (resourceId: number): Promise<boolean | undefined> => {
      const select = "ResourceId,Client,Obsolete,Decommissioned";
      const path = `/wmi/SMS_R_System?$filter=ResourceId eq ${resourceId}&$select=${select}`;
      const rows = await reads.list(path);
      const row = rows.find((each) => each["ResourceId"] === resourceId && isPresent(each));
      return row && isSet(row["Client"]);
    },
    /** Codes of the sites that AdminService speaks for; undefined when the account may not see them. */
    siteCodes: async (): Promise<readonly string[] | undefined> => {
      const path = "/wmi/SMS_Site?$select=SiteCode";
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && unseen.has(answer.status) && isOwn(answer.body))
        return undefined;
      return (await reads.list(path)).map((row) => String(row["SiteCode"]).toUpperCase());
    },
  };
}

// Makes sure that AdminService is that of our site: elsewhere the same resource ids are other devices.

/** Looks once; answers at once after that. @throws SiteUnreadable when it is another site's, or does not answer. */
function siteCheck(
  site: Pick<SiteReader, "siteCodes">,
  siteCode: string,
  log: Log,
): () => Promise<void> {
  let checked = false;
  return async () => {
    if (checked) return;
    const codes = await site.siteCodes();
    if (codes === undefined || codes.length === 0) log("site.unseen", { siteCode });
    else if (!codes.includes(siteCode))
      throw new SiteUnreadable(`this AdminService is of ${codes.join(", ")}, not of ${siteCode}`);
    checked = true;
  };
}

// Asks AdminService to start an operation, a script or a query, and says what its answer means.

/** What came of asking the site to start something. */
export type Started =
  | { readonly kind: "started"; readonly operationId?: number }
  /** Surely not started, and it would not be the next time. */
  | { readonly kind: "refused"; readonly detail: string }
  /** Surely not started; later perhaps. */
  | { readonly kind: "busy"; readonly why: string }
  /** Perhaps started: look before asking again. */
  | { readonly kind: "unclear"; readonly why: string };

/** How operations are asked for. */
type StartOptions = {
  /** A collection of the account's scope that holds the devices. */
  readonly collectionId: string;
  readonly randomizationWindow: number;
};

/** Starts operations on resources; a script or CMPivot takes exactly one. */
type SiteStarter = (work: Work, resourceIds: readonly number[]) => Promise<Started>;

/** Starts operations over a transport. */
const siteStarter =
  (transport: Transport, options: StartOptions): SiteStarter =>
  async (work, resourceIds) => {
    const request = startRequest(work, resourceIds, options);
    if (request === undefined) return { kind: "refused", detail: "a parameter is missing" };
    return startedOf(await transport({ method: "POST", ...request }), isPush(work));
  };

function startRequest(work: Work, resourceIds: readonly number[], options: StartOptions) {
  const { operationType, parameters } = work;
  const { collectionId, randomizationWindow } = options;
  const [first] = resourceIds;
  // Nothing is forced: where a client runs by now, or on a domain controller, the site leaves it alone.
  const gentle = { Forced: false, ForceReinstall: false, PushEvenIfDC: false };
  if (isPush(work)) {
    const body = { ResourceID: first, ...gentle, InformationOnly: false };
    return { path: "/wmi/SMS_Collection.CreateCCR", body };
  }
  if (operationType === scriptType) {
    const ScriptGuid = parameters["configMgrScriptId"];
    const path = `/v1.0/Device(${first})/AdminService.RunScript`;
    return typeof ScriptGuid === "string" ? { path, body: { ScriptGuid } } : undefined;
  }
  if (operationType === pivotType) {
    const InputQuery = parameters["query"];
    const path = `/v1.0/Device(${first})/AdminService.RunCMPivot`;
    return typeof InputQuery === "string" ? { path, body: { InputQuery } } : undefined;
  }
  const body = {
    Type: operationType,
    TargetCollectionID: collectionId,
    RandomizationWindow: randomizationWindow,
    TargetResourceIDs: resourceIds,
  };
  return { path: "/wmi/SMS_ClientOperation.InitiateClientOperation", body };
}

/** Answers after which nothing was started and asking again is no use. */
const refusals = new Set([400, 403, 404, 405, 409, 413, 415]);

/** Meaning of the site's answer to a call that starts something; `push`: client push, which has no number. */
export function startedOf(answer: SiteAnswer, push = false): Started {
  if (answer.kind === "lost") return { kind: answer.sent ? "unclear" : "busy", why: answer.why };
  const { status } = answer;
  const { body } = wordsOf(answer.body);
  const failure = failureOf(status, body.kind === "foreign", saysWhat(status, answer.body));
  if (failure !== undefined) return failure;
  return resultIn(body.kind === "object" ? body.fields : {}, push);
}

/** What a status says that is no success. `foreign`: somebody else than the site answers. */
function failureOf(status: number, foreign: boolean, detail: string): Started | undefined {
  // 401: the account is refused, which somebody may put right before the time is over. Nothing was started, whoever
  // asked for credentials.
  if (status === 401) return { kind: "busy", why: detail };
  // Somebody in between may have passed the call on, and then answered in his own words.
  if (foreign) return { kind: "unclear", why: detail };
  if (status === 429 || status === 503) return { kind: "busy", why: detail };
  if (refusals.has(status)) return { kind: "refused", detail };
  return status < 200 || status > 299 ? { kind: "unclear", why: detail } : undefined;
}

/** What the site returns, in an answer that says success. */
function resultIn(fields: Readonly<Record<string, unknown>>, push: boolean): Started {
  const returned = fields["ReturnValue"];
  if (typeof returned === "number" && returned !== 0)
    return { kind: "refused", detail: `the site returns ${returned}` };
  if (push)
    return returned === 0
      ? { kind: "started" }
      : { kind: "unclear", why: "the site's answer has no return value" };
  const operationId = operationIn(fields);
  return operationId === undefined
    ? { kind: "unclear", why: "the site's answer names no operation" }
    : { kind: "started", operationId };
}

/** The operation's number: each call has it in another place. */
function operationIn(body: unknown): number | undefined {
  const { OperationID, OperationId, value } = recordOf(body);
  const inner = recordOf(value)["OperationId"];
  return [OperationID, OperationId, value, inner].find(
    (each): each is number => typeof each === "number" && each > 0,
  );
}

// What became of a batch, as far as the site can tell by now.

type StatusReader = Pick<SiteReader, "status" | "scriptExitCode" | "pivotResult" | "hasClient">;

/**
 * Reads the outcome of an operation; undefined while it is worth waiting. `final`: its time is over, so that
 * an answer is given in any case.
 */
export async function statusOf(
  site: StatusReader,
  work: Pick<Work, "operationType">,
  { targets }: Pick<Batch, "targets">,
  operationId: number | undefined,
  final: boolean,
): Promise<Outcome | undefined> {
  const { operationType } = work;
  if (operationType === undefined || operationId === undefined)
    return pushStatus(site, targets[0]?.resourceId ?? 0, final);
  const own = await ownResult(site, operationType, operationId, targets[0]?.resourceId ?? 0);
  if (own !== undefined) return own;
  const perDevice = operationType === scriptType || operationType === pivotType;
  // For these, the device's own answer is what counts; the counts only explain its absence.
  if (perDevice && !final) return undefined;
  const counts = await site.status(operationId);
  if (counts !== undefined) return outcomeOf(counts, targets.length, final || counts.expired);
  return final
    ? { outcome: "unknown", code: "operation-gone", detail: "the site no longer has the operation" }
    : undefined;
}

/**
 * What became of a client push: nothing tells but the client itself, once it has reported to the site. The site tries
 * again for days where it fails, so the end of our time is not the end of the request.
 */
async function pushStatus(
  site: StatusReader,
  resourceId: number,
  final: boolean,
): Promise<Outcome | undefined> {
  if (await site.hasClient(resourceId))
    return { outcome: "done", detail: "the site lists a client on it now" };
  return final ? notYetInstalled : undefined;
}

const notYetInstalled: Outcome = {
  outcome: "unknown",
  code: "no-client-yet",
  detail: "the site wrote the client push request and lists no client yet; it may still be trying",
};

/** The device's own answer to a script or a query. */
async function ownResult(
  site: StatusReader,
  type: number,
  operationId: number,
  resourceId: number,
): Promise<Outcome | undefined> {
  if (type === scriptType) {
    const exitCode = await site.scriptExitCode(operationId, resourceId);
    if (exitCode === undefined) return undefined;
    return exitCode === 0
      ? { outcome: "done" }
      : { outcome: "failed", code: "script-failed", detail: `the script ended with ${exitCode}` };
  }
  if (type !== pivotType) return undefined;
  const result = await site.pivotResult(operationId, resourceId);
  if (result === "none") return undefined;
  return result === "done" ? { outcome: "done" } : { outcome: "failed", code: "query-failed" };
}

// The site, whole.

/** Which site it is, and how operations are asked for there. */
type SiteOptions = StartOptions & { readonly url: string; readonly siteCode: string };

/** The AdminService of our site. */
export type Site = ReturnType<typeof siteOf>;

/** What the relay reads, checks and starts at its site. @throws SiteUnreadable when it does not answer. */
export function siteOf(transport: Transport, options: SiteOptions, log: Log) {
  const reader = siteReader(transport, options.url);
  return {
    ...reader,
    /** Makes sure that it is our site; before anything is started there. */
    check: siteCheck(reader, options.siteCode, log),
    start: siteStarter(transport, options),
  };
}
