/**
 * Before a sync reads anything: is the app in the tenant, and may it do what the sync is for? Types whose permissions
 * are missing are named one by one, with the permissions and what each is for.
 */
import { missingPermissions } from "../../identity/consent.ts";
import { requiredPermissions, typeOf } from "../catalogue/catalogue.ts";
import type { Skipped, Sync, SyncError } from "../state/sync.ts";

/** What the app has been granted in a tenant, or why that could not be found out. */
export type Granted =
  | { readonly kind: "granted"; readonly roles: ReadonlySet<string> }
  /** The tenant does not have the app, or has disabled it. */
  | { readonly kind: "absent"; readonly detail: string }
  | { readonly kind: "failed"; readonly error: Omit<SyncError, "at" | "correlationId"> };

/** A permission that is missing, with the types that need it. */
export type MissingPermission = {
  /** The one to ask for. */
  readonly name: string;
  /** Any of these will do. */
  readonly anyOf: readonly string[];
  readonly types: readonly string[];
};

/** How the look ended. */
export type Checked =
  | {
      readonly kind: "checked";
      readonly permissions: readonly MissingPermission[];
      /** The types that cannot be done for it. */
      readonly missing: readonly Skipped[];
      /** Why nothing is granted: the app is not in the tenant, or disabled there. */
      readonly words?: string;
    }
  | { readonly kind: "failed"; readonly error: Omit<SyncError, "at" | "correlationId"> };

/** Looks whether a sync of these types may begin. */
export type Preflight = (sync: Pick<Sync, "tenantId" | "types" | "mode">) => Promise<Checked>;

/** Makes the look. `granted` is asked a second time, `fresh`, where something is missing by what it knew. */
export const preflight =
  (granted: (tenantId: string, fresh: boolean) => Promise<Granted>): Preflight =>
  async ({ tenantId, types, mode }) => {
    const writes = mode === "planAndDeploy" || mode === "retryFailed";
    const known = types.flatMap((key) => typeOf(key) ?? []);
    const required = requiredPermissions(known, writes ? "write" : "read").filter(
      ({ by }) => by === "app",
    );
    const missingFrom = (roles: ReadonlySet<string>): MissingPermission[] =>
      required.filter(
        ({ anyOf }) => missingPermissions([{ need: [anyOf], because: "" }], [...roles]).length > 0,
      );
    for (const fresh of [false, true]) {
      const found = await granted(tenantId, fresh);
      if (found.kind === "failed") return found;
      const permissions = missingFrom(found.kind === "absent" ? new Set() : found.roles);
      if (permissions.length > 0 && !fresh) continue;
      const checked = { kind: "checked", permissions, missing: skippedFor(permissions) } as const;
      return { ...checked, ...whyNothing(found) };
    }
    return { kind: "checked", permissions: [], missing: [] };
  };

const whyNothing = (found: Granted): { readonly words?: string } =>
  found.kind === "absent" ? { words: found.detail } : {};

function skippedFor(permissions: readonly MissingPermission[]): Skipped[] {
  const byType = new Map<string, string[]>();
  for (const { anyOf, types } of permissions)
    for (const type of types) byType.set(type, [...(byType.get(type) ?? []), anyOf.join(" or ")]);
  return [...byType].map(([type, needs]) => ({
    type,
    reason: "consentMissing",
    detail: `The app lacks ${needs.join(", and ")}.`,
  }));
}
