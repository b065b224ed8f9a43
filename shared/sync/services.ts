/** What syncs work with, built once per process from what the app has. */
import type { ApprovalGate } from "../access/approvals/approval-gate.ts";
import type { AuditTrail } from "../access/audit/trail.ts";
import type { GraphClient } from "../graph/client.ts";
import type { ThrottleStore } from "../graph/throttle.ts";
import { NoUserToken, type SignInParts, UserAccounts } from "../identity/accounts.ts";
import { grantedPermissions } from "../identity/consent.ts";
import { type SignIns, signIns } from "../identity/sign-ins.ts";
import type { Clock } from "../kernel/clock.ts";
import { reasonIn, reasonOf } from "../kernel/outside-text.ts";
import type { Storage } from "../storage/storage.ts";
import type { TenantCache } from "../tenants/tenants.ts";
import type { RestCheck } from "../work/drain.ts";
import { BaselineStore } from "./baselines/baseline-store.ts";
import { BaselineLibrary } from "./baselines/library.ts";
import type { PublishParts } from "./baselines/publish.ts";
import { configurationTypes, typeOf } from "./catalogue/catalogue.ts";
import { Configuration } from "./configuration.ts";
import { NameFinder, ThingFinder } from "./reading/find-names.ts";
import { gathered } from "./reading/gathered.ts";
import { LockOutReader } from "./reading/lock-out-facts.ts";
import { PacedGraph, type UserAccess } from "./reading/paced-graph.ts";
import { SeenTypes } from "./reading/same-again.ts";
import { Repository } from "./revisions/revisions.ts";
import { ItemWriter } from "./run/deploy-item.ts";
import { nextNightly } from "./run/nightly.ts";
import { type Granted, preflight } from "./run/preflight.ts";
import type { RunParts } from "./run/run-sync.ts";
import type { ApproveParts } from "./run/verdicts.ts";
import type { SyncSettings } from "./state/sync.ts";
import { SyncStore } from "./state/sync-store.ts";

/** What it is built from. */
type Base = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly graph: GraphClient;
  readonly throttle: ThrottleStore;
  readonly knownTenants: TenantCache;
  readonly rests: RestCheck;
  readonly trail: AuditTrail;
  readonly announce: SyncServices["announce"];
  readonly approvals: Pick<ApprovalGate, "rules">;
  /** Undefined where nothing is there that seals what is kept of a sign-in. */
  readonly signIn: SignInParts | undefined;
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
};

/** Syncs as handlers and messages work with them. */
export type SyncServices = RunParts &
  ApproveParts & {
    readonly enabledTypes: (settings: SyncSettings) => string[];
    /** Undefined where nothing is there that seals what is kept of a sign-in. */
    readonly signIn: SignIns | undefined;
    /** The app that administrators consent to. */
    readonly clientId: string;
    /** The one that people sign in with, where they are two. */
    readonly signInClientId: string;
  };

/** A pass over a tenant ends well before its claim does. */
const passMs = 20_000;

/** Builds them, with the repository of configuration. */
export function syncServices(
  { claimMs, clientId }: { readonly claimMs: number; readonly clientId: string },
  base: Base,
): {
  readonly sync: SyncServices;
  readonly configuration: Configuration;
  readonly publishing: PublishParts;
} {
  const { storage, clock, knownTenants, trail, announce, token, random, wait } = base;
  const { tables, blobs, queues } = storage;
  const store = new SyncStore(tables);
  const revisions = new Repository(blobs);
  const graph = new PacedGraph({
    graph: base.graph,
    throttle: base.throttle,
    pace: async (tenantId) => (await knownTenants.get(tenantId))?.pace ?? {},
    clock,
    random,
    wait,
  });
  const names = new NameFinder(gathered(graph), revisions);
  const things = new ThingFinder(graph, revisions);
  const lockOut = new LockOutReader({ graph, revisions, clientId });
  const rows = { store, queues, trail, announce, clock, claimMs, revisions };
  const sync: SyncServices = {
    ...rows,
    approvals: base.approvals,
    nextAt: ({ nightly }, now) => nextNightly(nightly, now),
    graph,
    blobs,
    names,
    things,
    seen: new SeenTypes(),
    typeOf,
    passMs,
    writer: new ItemWriter({ graph, revisions, names, things, clock }),
    lockOut,
    preflight: preflight(grantedTo(token)),
    ...forPeople(base, clientId),
    knows: async (tenantId) => (await knownTenants.get(tenantId)) !== undefined,
    rests: base.rests,
    wait,
    enabledTypes,
    clientId,
  };
  const configuration = new Configuration({ store, revisions, clock, types: configurationTypes });
  const publishing = publishingWith({ storage, configuration, trail, sync });
  return { sync, configuration, publishing };
}

/** What signs people in, and says what they may do. */
const forPeople = (base: Base, clientId: string) => ({
  signIn: base.signIn && signIns(base.signIn),
  signInClientId: base.signIn?.clientId ?? clientId,
  user: userOf(base.signIn),
  grantedToPeople: grantedToPeople(base),
});

/** Baselines and their publication. */
function publishingWith({
  storage: { tables, blobs },
  ...parts
}: Omit<PublishParts, "baselines" | "rows"> & Pick<Base, "storage">): PublishParts {
  const rows = new BaselineStore(tables);
  const { configuration, sync } = parts;
  const { revisions, clock } = sync;
  const kept = { store: rows, revisions, blobs, configuration, typeOf, clock };
  return { ...parts, rows, baselines: new BaselineLibrary(kept) };
}

/** The types that a tenant has enabled: those that are written and not optional, where nobody has said otherwise. */
const enabledTypes = ({ types }: SyncSettings): string[] =>
  types ??
  configurationTypes.flatMap(({ key, isWritten, isOptional }) =>
    isWritten && !isOptional ? [key] : [],
  );

/**
 * What the app has been granted in a tenant: its own token says so, which costs no request of Graph and no permission.
 * A token may be an hour old, so that a permission that it lacks is looked for in a fresh one.
 */
const grantedTo =
  (token: Base["token"]) =>
  async (tenantId: string, fresh: boolean): Promise<Granted> => {
    try {
      return { kind: "granted", roles: rolesIn(await token(tenantId, fresh)) };
    } catch (error) {
      const said = error as { readonly errorMessage?: unknown };
      const words = typeof said.errorMessage === "string" ? said.errorMessage : reasonOf(error);
      // The app is not in the tenant, or disabled there: nothing is granted, and consent is what it takes.
      if (/AADSTS(700016|7000112|65001|500011|650052|650056)\b/.test(words))
        return { kind: "absent", detail: reasonIn(words) };
      return {
        kind: "failed",
        error: {
          code: "sign-in-failed",
          text: "The app could not sign in to the tenant.",
          cause: words,
          remedy:
            "Start the sync again later. If it stays so, check the app's registration and its credential.",
          requestIds: [],
        },
      };
    }
  };

/** What administrators have granted for everybody who signs in. No token of the app says that, so that Graph is asked. */
const grantedToPeople =
  ({ graph, token, signIn }: Base): SyncServices["grantedToPeople"] =>
  async (tenantId) => {
    if (signIn === undefined) return undefined;
    const found = await grantedPermissions(graph, token, { tenantId, clientId: signIn.clientId });
    return found.kind === "granted" ? found.delegated : undefined;
  };

/** The permissions that a token names; read, not judged: Graph judges it. */
function rolesIn(token: string): ReadonlySet<string> {
  const [, payload = ""] = token.split(".");
  try {
    const { roles } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
      roles?: unknown;
    };
    return new Set(Array.isArray(roles) ? roles.map(String) : []);
  } catch {
    return new Set();
  }
}

/**
 * Whoever is signed in for a tenant, asked for a token to see whether the sign-in still holds. One who has agreed to
 * less than is needed has to sign in anew.
 */
function userOf(signIn: SignInParts | undefined): SyncServices["user"] {
  if (signIn === undefined) {
    const detail = "This installation keeps no sign-ins: it has no key to seal them with.";
    return () => Promise.resolve({ kind: "blocked", detail });
  }
  const accounts = new UserAccounts(signIn);
  return async (tenantId, scopes): Promise<UserAccess> => {
    const account = await accounts.of(tenantId);
    if (account?.hasAgreedTo(scopes) !== true) return { kind: "signInNeeded" };
    try {
      await account.token(false);
      return { kind: "account", account };
    } catch (error) {
      if (!(error instanceof NoUserToken) || error.refusal.kind === "passing") throw error;
      if (error.refusal.kind === "blocked") return { kind: "blocked", detail: error.refusal.words };
      return { kind: "signInNeeded" };
    }
  };
}
