/** Builds what sign-in, decisions, audit and sealing need, once per process. */
import { setTimeout as wait } from "node:timers/promises";
import type { Approval } from "../shared/access/approvals/approval.ts";
import { ApprovalGate } from "../shared/access/approvals/approval-gate.ts";
import { type AuditEvent, AuditReader } from "../shared/access/audit/records.ts";
import { type AuditTrail, auditTrail } from "../shared/access/audit/trail.ts";
import { Guard, rateLimiter } from "../shared/access/guard.ts";
import { holdsIn } from "../shared/access/roles/decide.ts";
import { AssignmentStore, cachedSnapshots, RoleStore } from "../shared/access/roles/granted.ts";
import { AssignmentRegistry, RoleRegistry } from "../shared/access/roles/manage.ts";
import type { Caller } from "../shared/access/sign-in/caller.ts";
import { tokenCheck } from "../shared/access/sign-in/tokens.ts";
import { type PageSeal, pageSeal } from "../shared/http/paging.ts";
import type { SignInParts } from "../shared/identity/accounts.ts";
import { type Clock, toIso } from "../shared/kernel/clock.ts";
import { digest } from "../shared/kernel/values.ts";
import type { Blobs } from "../shared/storage/blobs.ts";
import type { Interceptor } from "../shared/storage/calls.ts";
import { identityCredential } from "../shared/storage/connection.ts";
import {
  keptSecret,
  keyFileWrapper,
  keyVaultWrapper,
  type Sealer,
  sealer,
} from "../shared/storage/sealing.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { Tables } from "../shared/storage/tables.ts";
import type { TenantCache, TenantStore } from "../shared/tenants/tenants.ts";
import { type WebhookParts, WebhookSender } from "../shared/webhooks/deliver.ts";
import { WebhookRegistry } from "../shared/webhooks/manage.ts";
import type { Webhook } from "../shared/webhooks/webhook.ts";
import { WebhookStore } from "../shared/webhooks/webhook-store.ts";
import { clockNeed, type Readiness, readiness } from "../shared/work/readiness.ts";
import type { Settings } from "./settings.ts";

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
  const { sealing: _, rateFactor, allowedOrigins, ...rules } = settings.access;
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
  return { guard, access, allowedOrigins, trail };
}

/** Webhooks: who may still be told, and what the trail says of one that is switched off, are access's to answer. */
export function webhookServices(
  { publicUrl = "", overdueMs, webhooksToLoopback = false }: Settings,
  base: Pick<Base, "clock" | "knownTenants" | "granted" | "trail"> & WebhookBase,
) {
  const { clock, storage, sealer: sealing, trail, granted, knownTenants, intercept } = base;
  const { tables, queues } = storage;
  const posting = { ...base.posting, toLoopback: webhooksToLoopback };
  const store = new WebhookStore(tables);
  const parts = { store, queues, clock, sealer: sealing, publicUrl, overdueMs, posting };
  const webhookSender = new WebhookSender({
    ...parts,
    intercept,
    random: Math.random,
    async mayTell(owner, tenantId, permission) {
      if ((await knownTenants.get(tenantId)) === undefined) return false;
      const standing = { caller: owner as Caller, ...(await granted.snapshots.read()) };
      const needed = ["webhooks.manage", permission] as const;
      return needed.every((each) => holdsIn(standing, each, [tenantId]));
    },
    auditDisabled: (webhook, at) => trail.append(disabledEvent(webhook, at)),
  });
  return { webhookSender, webhooks: new WebhookRegistry({ ...parts, sender: webhookSender }) };
}

type WebhookBase = {
  readonly storage: Pick<Storage, "tables" | "queues">;
  readonly sealer: Sealer | undefined;
  readonly intercept: Interceptor;
  readonly posting?: Partial<WebhookParts["posting"]> | undefined;
};

/** The event of a webhook that nobody switched off but its receiver. */
function disabledEvent(webhook: Webhook, at: number): AuditEvent {
  const { webhookId, url, disabled, updatedAt } = webhook;
  const eventId = digest(webhookId, String(disabled), String(updatedAt)).slice(0, 32);
  return {
    eventId,
    at: toIso(at),
    actor: { kind: "system", id: "" },
    operation: "webhooks-disable",
    object: `webhook/${webhookId}`,
    outcome: "allowed",
    after: { webhookId, host: URL.parse(url)?.host, disabledReason: disabled },
    requestId: eventId,
  };
}

/** Where a chain stands, kept in the log too: a chain whose end was cut off does not reach it any more. */
const anchor = (partition: string, { sequence, hash }: { sequence: number; hash: string }): void =>
  console.log(JSON.stringify({ event: "audit.anchor", partition, sequence, hash }));

/** What the app cannot work without, and where it is asked whether it answers. */
export function readinessOf(
  { authorityUrl, access: { homeTenantIds } }: Settings,
  { clock, tenantStore }: Pick<Base, "clock"> & { readonly tenantStore: TenantStore },
  { sealer: sealing, machine }: { readonly sealer: Sealer | undefined; readonly machine: Clock },
): Readiness {
  const storage = { name: "storage", ask: () => tenantStore.list(1) };
  const authority = `${authorityUrl}/${homeTenantIds[0] ?? "common"}`;
  const signIn = async () => {
    const metadata = `${authority}/v2.0/.well-known/openid-configuration`;
    const answer = await fetch(metadata, { redirect: "manual" });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the sign-in service answers ${answer.status}`);
  };
  const needs = [
    storage,
    ...(sealing === undefined ? [] : [{ name: "key", ask: () => tryKey(sealing) }]),
    { name: "sign-in", ask: signIn },
    clockNeed(storage, clock, machine),
  ];
  return readiness(needs, clock);
}

async function tryKey({ seal, open }: Sealer): Promise<void> {
  const { kind } = await open(await seal("ready", ["ready"]), ["ready"]);
  if (kind !== "opened") throw new Error("the key does not open what it sealed");
}

/**
 * What seals paging tokens: made from what every instance of this installation knows and nobody else. That is the
 * credential, or, for an app that has none of its own, a secret that lies sealed in storage.
 */
export function pagesOf(
  { credential }: Settings,
  { blobs, sealer: sealing }: { readonly blobs: Blobs; readonly sealer: Sealer | undefined },
): () => Promise<PageSeal> {
  if (credential.kind !== "identity") {
    const { kind } = credential;
    const secret = kind === "secret" ? credential.clientSecret : credential.privateKey;
    const seal = Promise.resolve(pageSeal(secret));
    return () => seal;
  }
  if (sealing === undefined) throw new Error("an app without a secret needs a key that seals");
  let kept: Promise<PageSeal> | undefined;
  return () =>
    (kept ??= keptSecret(blobs, sealing, "paging-tokens").then(pageSeal, (error: unknown) => {
      // The next request may find storage and key again.
      kept = undefined;
      throw error;
    }));
}

/** Seals what is secret at rest, where the settings name a key. */
export async function sealerOf(
  { access: { sealing }, storage }: Pick<Settings, "access" | "storage">,
  clock: Clock,
): Promise<Sealer | undefined> {
  switch (sealing?.kind) {
    case "file":
      return sealer(keyFileWrapper(sealing.path));
    case "vault": {
      // The same identity as storage's: an app may have several.
      const credential = await identityCredential(
        storage.kind === "identity" ? storage.clientId : undefined,
      );
      return sealer(keyVaultWrapper({ keyUrl: sealing.keyUrl, credential, clock }));
    }
    case undefined:
      return undefined;
  }
}

/** Signing people in for a tenant; undefined where nothing is there that seals what is kept of it. */
export const signInOf = (
  { authorityUrl, clientId: app, signInClientId: clientId = app, graphUrl: resource }: Settings,
  { tables, blobs, clock }: Storage,
  seal: Sealer | undefined,
): SignInParts | undefined =>
  seal && {
    authorityUrl,
    clientId,
    resource,
    tables,
    blobs,
    sealer: seal,
    clock,
  };
