/** A request to Graph, as rooms above put it together. */

/** Which of Graph's two versions. */
export type GraphVersion = "v1.0" | "beta";

/**
 * Who asks: the app itself in a tenant, given by the tenant's id, or an account that has signed in there. Some of
 * Graph takes no app at all, and what an account may do is what its person may do.
 */
export type Asker = string | Account;

/** A person's account: `token` answers a delegated token for Graph, a `fresh` one after Graph refused the one before. */
export type Account = {
  readonly tenantId: string;
  readonly token: (fresh: boolean) => Promise<string>;
};

/** One request; `path` starts with `/` and is relative to the version. */
export type GraphRequest = {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Headers beside our own, such as `ConsistencyLevel`, `If-Match` or `Prefer`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Positions of the requests of the same batch that must have succeeded before. Graph wants a batch either without
   * any, or each after the one before it.
   */
  readonly dependsOn?: readonly number[];
  /** Why a write is made, for the administrator who has to approve it at Intune. */
  readonly justification?: string;
  /** Under which Intune held this very request; it is made again with it once somebody has approved. */
  readonly approvalCode?: string;
};

/** What a request carries beside its token, with the type of its body where it has one. */
export function headersOf(request: GraphRequest, hasBody: boolean): Record<string, string> {
  return {
    ...(hasBody ? { "Content-Type": "application/json" } : {}),
    ...approvalOf(request),
    ...request.headers,
  };
}

/**
 * Intune's Multi Admin Approval holds writes of apps too where a policy protects what they change, and refuses those
 * without a reason. Elsewhere nobody reads it, so that every write carries one.
 * Source: learn.microsoft.com/intune/intune-service/fundamentals/multi-admin-approval
 */
function approvalOf({ method, path, approvalCode, justification }: GraphRequest) {
  if (approvalCode !== undefined) return { "x-msft-approval-code": approvalCode };
  if (method === "GET" || !intune.test(path)) return {};
  const reason = (justification ?? "Asked for through Muster").slice(0, maxReasonChars);
  return { "x-msft-approval-justification": Buffer.from(reason).toString("base64") };
}

const intune = /^\/device(?:Management|AppManagement)\//;
const maxReasonChars = 1024;
