/** Asks AdminService to start an operation, a script or a query, and says what its answer means. */
import { isPush, type Work } from "../base/claim.ts";
import { recordOf, type SiteAnswer, saysWhat, type Transport, wordsOf } from "./transport.ts";

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
export type StartOptions = {
  /** A collection of the account's scope that holds the devices. */
  readonly collectionId: string;
  readonly randomizationWindow: number;
};

/** Starts operations on resources; a script or CMPivot takes exactly one. */
export type SiteStarter = (work: Work, resourceIds: readonly number[]) => Promise<Started>;

/** Starts operations over a transport. */
export const siteStarter =
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
  if (operationType === 135) {
    const ScriptGuid = parameters["configMgrScriptId"];
    const path = `/v1.0/Device(${first})/AdminService.RunScript`;
    return typeof ScriptGuid === "string" ? { path, body: { ScriptGuid } } : undefined;
  }
  if (operationType === 145) {
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
