/** Builds what sign-in, decisions, audit and sealing need, once per process. */
import { setTimeout as wait } from "node:timers/promises";
import type { Approval } from "../shared/access/approvals/approval.ts";
import { ApprovalGate } from "../shared/access/approvals/approval-gate.ts";
import { AuditReader } from "../shared/access/audit/records.ts";
import { type AuditTrail, auditTrail } from "../shared/access/audit/trail.ts";
import { Guard, rateLimiter } from "../shared/access/guard.ts";
import { AssignmentStore, cachedSnapshots, RoleStore } from "../shared/access/roles/granted.ts";
import { AssignmentRegistry, RoleRegistry } from "../shared/access/roles/manage.ts";
import { tokenCheck } from "../shared/access/sign-in/tokens.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import { identityCredential } from "../shared/storage/connection.ts";
import { keyFileWrapper, keyVaultWrapper, type Sealer, sealer } from "../shared/storage/sealing.ts";
import type { Tables } from "../shared/storage/tables.ts";
import type { TenantCache } from "../shared/tenants/tenants.ts";
import type { Sealing, Settings } from "./settings.ts";

/** What handlers read and change of access. */
export type AccessServices = {
  readonly roles: RoleRegistry;
  readonly assignments: AssignmentRegistry;
  readonly approvals: ApprovalGate;
  readonly audit: AuditReader;
  /** Moves what waited for a second person. */
  readonly settled: (approval: Approval) => Promise<void>;
};

type Base = {
  readonly clock: Clock;
  readonly tables: Tables;
  readonly knownTenants: TenantCache;
  readonly granted: ReturnType<typeof grants>;
  readonly trail: AuditTrail;
  readonly settled: AccessServices["settled"];
};

/** The trail, whose chains are noted in the log. */
export const trailOf = (tables: Tables): AuditTrail =>
  auditTrail({ tables, random: Math.random, wait: (ms) => wait(ms), anchor });

/** Everything that was granted to anybody, and what waits for a second person. */
export function grants({ access }: Settings, { tables, clock }: Pick<Base, "tables" | "clock">) {
  const { adminToken, first } = access;
  const [roles, assignments] = [new RoleStore(tables), new AssignmentStore(tables)];
  const bootstrap = adminToken !== undefined;
  const snapshots = cachedSnapshots({ roles, assignments, first, bootstrap, clock });
  return { roles, assignments, snapshots, approvals: new ApprovalGate(tables, clock) };
}

/** Everything about access. `guard` decides, `access` is what handlers read and change. */
export async function accessServices(settings: Settings, base: Base) {
  const { clock, tables, knownTenants, granted, trail, settled } = base;
  const { snapshots, approvals } = granted;
  const { sealing, rateFactor, allowedOrigins, ...rules } = settings.access;
  const roles = new RoleRegistry(granted);
  const access: AccessServices = {
    roles,
    assignments: new AssignmentRegistry({ ...granted, roles, clock }),
    approvals,
    audit: new AuditReader(tables, clock),
    settled,
  };
  const guard = new Guard({
    checkToken: tokenCheck({ ...rules, authorityUrl: settings.authorityUrl, clock }),
    snapshots,
    limiter: rateLimiter(clock, rateFactor),
    isTenant: async (tenantId) => (await knownTenants.get(tenantId)) !== undefined,
  });
  return { guard, access, allowedOrigins, trail, sealer: await sealerOf(sealing, clock) };
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
