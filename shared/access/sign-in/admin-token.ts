/**
 * The bootstrap administrator: whoever presents the admin token of the settings. It is there to set an
 * installation up; one that leaves the setting out has no such caller.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "./caller.ts";
import type { TokenVerdict } from "./tokens.ts";

/** The caller of its own kind that the token stands for. */
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

/** Takes the admin token for the bootstrap administrator, and hands everything else on. */
export const withBootstrap =
  (
    adminToken: string | undefined,
    checkToken: (authorization: string | null) => Promise<TokenVerdict>,
  ) =>
  (authorization: string | null): Promise<TokenVerdict> =>
    adminToken !== undefined && isAdmin(authorization, adminToken)
      ? Promise.resolve({ kind: "caller", caller: bootstrapCaller })
      : checkToken(authorization);

/** True when the Authorization header carries the admin token; takes the same time either way. */
function isAdmin(authorization: string | null, adminToken: string): boolean {
  const [scheme, token, ...rest] = (authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0) return false;
  // Equal lengths for the comparison, whatever was sent.
  return timingSafeEqual(hash(token), hash(adminToken));
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
