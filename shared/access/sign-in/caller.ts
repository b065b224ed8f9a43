/**
 * Who is calling, as a checked token says, and the principals that assignments name. Object ids are only
 * unique within a directory, so that a principal is always an id in its home tenant.
 */

/** What holds roles; the bootstrap administrator holds its one by the settings alone. */
export type PrincipalKind = "user" | "group" | "app" | "bootstrap";

/** Someone who can hold a role: an object id (for an app also its client id) in a home tenant. */
export type Principal = {
  readonly kind: PrincipalKind;
  readonly homeTenantId: string;
  readonly id: string;
};

/** What calls. */
export const callerKinds = ["user", "app", "bootstrap"] as const;

/** The caller of one request. Ids are in lower case. */
export type Caller = {
  readonly kind: (typeof callerKinds)[number];
  /** Object id: of the user, or of the app's service principal. */
  readonly oid: string;
  /** Home tenant: the directory that issued the token. */
  readonly tid: string;
  /** Client id of the application that got the token. */
  readonly appId: string;
  /** For people; never for decisions, since it can be changed and reused. */
  readonly name?: string;
  readonly groups: readonly string[];
  /** False when the caller is in more groups than a token can list: those assignments do not count. */
  readonly groupsComplete: boolean;
  /** Delegated permissions (`scp`) and app roles of the token. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
};

/** Whether an assignment to `principal` is one to this caller. */
export function isPrincipalOf(caller: Caller, { kind, homeTenantId, id }: Principal): boolean {
  if (homeTenantId !== caller.tid) return false;
  switch (kind) {
    case "user":
      return caller.kind === "user" && caller.oid === id;
    case "group":
      return caller.groups.includes(id);
    case "app":
      // A person who signs in through an app does not become that app.
      return caller.kind === "app" && (caller.appId === id || caller.oid === id);
    case "bootstrap":
      return caller.kind === "bootstrap";
  }
}

/** Who the caller is in rows and audit events. */
export const principalOf = ({ kind, tid, oid }: Caller): Principal => ({
  kind,
  homeTenantId: tid,
  id: oid,
});

/** Whether two principals are the same one. */
export const samePrincipal = (one: Principal, other: Principal): boolean =>
  one.kind === other.kind && one.homeTenantId === other.homeTenantId && one.id === other.id;

/** The caller of its own kind that the admin token of the settings stands for. */
export const bootstrapCaller: Caller = {
  kind: "bootstrap",
  oid: "bootstrap",
  tid: "settings",
  appId: "",
  name: "bootstrap administrator",
  groups: [],
  groupsComplete: true,
  scopes: [],
  roles: [],
};
