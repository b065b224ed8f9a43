/** What the claims of a checked Entra access token say about its caller. Pure. */
import { z } from "zod";
import type { Caller } from "./caller.ts";

/** Which consent a token must carry, besides being ours. */
export type TokenDemands = {
  /** Delegated permission that people's tokens carry in `scp`. */
  readonly delegatedScope: string;
  /** App role that an app's own tokens carry in `roles`: without it any app of the tenant could call. */
  readonly appRole: string;
};

/** What the claims came to. */
export type ClaimsVerdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly step: "claims" | "consent" };

const id = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  .transform(lower);
const maxNameChars = 200;

const Claims = z.object({
  // What the claims mean depends on it: tokens of version 1 name callers by other claims.
  ver: z.literal("2.0"),
  oid: id,
  tid: id,
  // Access tokens name the application they were issued to. ID tokens do not, and are none.
  azp: id,
  sub: z.string().optional(),
  idtyp: z.string().optional(),
  scp: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(z.string().transform(lower)).default([]),
  preferred_username: z.string().optional(),
  upn: z.string().optional(),
  name: z.string().optional(),
  app_displayname: z.string().optional(),
  hasgroups: z.unknown().optional(),
  _claim_names: z.record(z.string(), z.unknown()).optional(),
});
type Claims = z.output<typeof Claims>;

/** Judges the claims of a token whose signature, issuer, audience and lifetime hold. */
export function callerOf(payload: unknown, demands: TokenDemands): ClaimsVerdict {
  const parsed = Claims.safeParse(payload);
  if (!parsed.success) return { kind: "refused", step: "claims" };
  const claims = parsed.data;
  const kind = kindOf(claims);
  if (kind === undefined) return { kind: "refused", step: "claims" };
  const scopes = claims.scp?.split(" ").filter((scope) => scope !== "") ?? [];
  const consented =
    kind === "user"
      ? scopes.includes(demands.delegatedScope)
      : claims.roles.includes(demands.appRole);
  if (!consented) return { kind: "refused", step: "consent" };
  const { oid, tid, azp: appId, roles, groups } = claims;
  const caller = { kind, oid, tid, appId, ...nameOf(claims), groups, scopes, roles };
  return { kind: "caller", caller: { ...caller, groupsComplete: !hasOverage(claims) } };
}

/** A person's token is delegated; an app's own has no `scp`, and is about the app itself. */
function kindOf({ idtyp, scp, sub, oid }: Claims): Caller["kind"] | undefined {
  if (scp !== undefined) return idtyp === "app" ? undefined : "user";
  if (idtyp !== undefined) return idtyp === "app" ? "app" : undefined;
  return sub?.toLowerCase() === oid ? "app" : undefined;
}

/** Entra leaves the list out when somebody is in more groups than a token can name. */
const hasOverage = ({ hasgroups, _claim_names }: Claims): boolean =>
  hasgroups !== undefined || (_claim_names !== undefined && "groups" in _claim_names);

function nameOf(claims: Claims): { name?: string } {
  const name = claims.preferred_username ?? claims.upn ?? claims.name ?? claims.app_displayname;
  if (name === undefined) return {};
  // It is shown in logs and lists: no control characters, no room for a story.
  return { name: name.replaceAll(/\p{C}/gu, "").slice(0, maxNameChars) };
}

function lower(text: string): string {
  return text.toLowerCase();
}
