/** Builds what sign-in, decisions, audit and sealing need, once per process. */
import { setTimeout as wait } from "node:timers/promises";
import { ApprovalStore } from "../shared/access/approvals/approval-store.ts";
import { type AuditTrail, auditTrail } from "../shared/access/audit/audit-trail.ts";
import type { GuardDeps } from "../shared/access/guard.ts";
import { limitAnonymousEvents } from "../shared/access/request-audit.ts";
import { AssignmentStore } from "../shared/access/roles/assignment-store.ts";
import { RoleStore } from "../shared/access/roles/role-store.ts";
import { cachedSnapshots } from "../shared/access/roles/snapshot.ts";
import { withBootstrap } from "../shared/access/sign-in/admin-token.ts";
import { rateLimiter, ratesTimes } from "../shared/access/sign-in/rate-limit.ts";
import { directoryKeys } from "../shared/access/sign-in/token-keys.ts";
import { tokenCheck } from "../shared/access/sign-in/tokens.ts";
import type { AccessServices } from "../shared/access/signed-in.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import { keyFileWrapper, keyVaultWrapper, type Sealer, sealer } from "../shared/storage/sealing.ts";
import { identityCredential } from "../shared/storage/storage.ts";
import type { Tables } from "../shared/storage/tables.ts";
import type { TenantCache } from "../shared/tenants/tenants.ts";
import type { Sealing, Settings } from "./settings.ts";

type Base = {
  readonly clock: Clock;
  readonly tables: Tables;
  readonly knownTenants: TenantCache;
  readonly granted: ReturnType<typeof grants>;
  readonly trail: AuditTrail;
  /** Moves what waited for a second person. */
  readonly settled: AccessServices["settled"];
};

/** The trail, whose chains are noted in the log. */
export const trailOf = (tables: Tables): AuditTrail =>
  auditTrail({ tables, random: Math.random, wait: (ms) => wait(ms), anchor });

/** Everything that was granted to anybody. */
export function grants({ access }: Settings, { tables, clock }: Pick<Base, "tables" | "clock">) {
  const { adminToken, first } = access;
  const [roles, assignments] = [new RoleStore(tables), new AssignmentStore(tables)];
  const bootstrap = adminToken !== undefined;
  const snapshots = cachedSnapshots({ roles, assignments, first, bootstrap, clock });
  return { roles, assignments, snapshots };
}

/** Everything about access. `guard` decides, `access` is what handlers read and change. */
export async function accessServices(settings: Settings, base: Base) {
  const { clock, tables, knownTenants, granted, settled } = base;
  const { roles, assignments, snapshots } = granted;
  const { adminToken, sealing, rateFactor, allowedOrigins, ...rules } = settings.access;
  const keys = directoryKeys({ authorityUrl: settings.authorityUrl, clock });
  const limiter = rateLimiter(clock, ratesTimes(rateFactor));
  const guard: GuardDeps = {
    checkToken: withBootstrap(adminToken, tokenCheck({ ...rules, keys, clock })),
    snapshots,
    limiter,
    anonymousEvents: limitAnonymousEvents(limiter),
    isTenant: async (tenantId) => (await knownTenants.get(tenantId)) !== undefined,
  };
  const approvals = new ApprovalStore(tables);
  const auditing = { tables, clock };
  const stores = { roles, assignments, approvals };
  const access: AccessServices = { ...stores, snapshots, clock, settled, auditing };
  return {
    guard,
    access,
    allowedOrigins,
    trail: base.trail,
    sealer: await sealerOf(sealing, clock),
  };
}

/** Where a chain stands, kept in the log too: a chain whose end was cut off does not reach it any more. */
const anchor = (partition: string, { sequence, hash }: { sequence: number; hash: string }): void =>
  console.log(JSON.stringify({ event: "audit.anchor", partition, sequence, hash }));

async function sealerOf(sealing: Sealing | undefined, clock: Clock): Promise<Sealer | undefined> {
  switch (sealing?.kind) {
    case "file":
      return sealer(keyFileWrapper(sealing.path));
    case "vault": {
      const credential = await identityCredential();
      return sealer(keyVaultWrapper({ keyUrl: sealing.keyUrl, credential, clock }));
    }
    case undefined:
      return undefined;
  }
}
