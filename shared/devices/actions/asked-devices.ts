/**
 * Devices that are asked for an action, as whoever keeps account of them works with them: which of them go together,
 * what came of asking, and what devices and audits tell afterwards.
 */
import { LRUCache } from "lru-cache";
import type { GraphClient } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import type { Route } from "./action.ts";
import { auditsPerRequest, type RemoteActionAudits } from "./audits.ts";
import {
  type ReadBack,
  readBackDevices,
  seenSince,
  strictly,
  type Verdict,
  verdictOf,
} from "./read-back.ts";
import type { SendCall, SendGroup, SendOutcome } from "./send.ts";

/** A device that is asked, or was. */
export type AskedDevice = {
  readonly targetId: string;
  /** By which of the routes. */
  readonly route: number;
  /** `claimed`: nobody knows whether it was asked. */
  readonly state: string;
  /** When the state was reached, and when it was asked. */
  readonly at: Instant;
  readonly claimedAt?: Instant;
  readonly singly?: boolean;
  readonly atMost?: number;
};

/** What is asked of them. */
export type Asking = {
  readonly routes: readonly Route[];
  /** A device that gets it twice is none the worse. */
  readonly repeatable: boolean;
};

// Which of them go together, and what came of it. Pure.

/** Groups devices by the route they go. */
export function groupsOf(
  { routes }: Pick<Asking, "routes">,
  asked: readonly AskedDevice[],
): SendGroup[] {
  const groups = new Map<string, { group: SendGroup; deviceIds: string[] }>();
  for (const { targetId, route: index, singly = false, atMost } of asked) {
    const route = routes[index];
    if (route === undefined) continue;
    const key = `${index} ${singly} ${atMost}`;
    const known = groups.get(key);
    if (known) known.deviceIds.push(targetId);
    else {
      const deviceIds = [targetId];
      groups.set(key, { group: { route, singly, atMost, deviceIds }, deviceIds });
    }
  }
  return [...groups.values()].map(({ group }) => group);
}

/** What came of asking, with codes for what is asked again. */
export function codedOutcome(outcome: SendOutcome) {
  switch (outcome.kind) {
    case "later":
      return { ...outcome, code: "graph-busy" };
    case "singly":
      return { kind: "singly" as const, code: "bulk-refused", why: outcome.why };
    case "failed":
      return { kind: "failed" as const, code: outcome.code, detail: outcome.detail };
    default:
      return outcome;
  }
}

// Remembers which tenants may not use a bulk action, so that not every chunk has to find out with a request, a claim
// and a settlement of its own. In memory: each instance learns it anew, and forgets it in time for a permission that
// was granted meanwhile.

const keepMs = 15 * 60_000;
const maxKept = 10_000;

/** What was refused lately. */
export class BulkRefusals {
  readonly #clock: Clock;
  readonly #until = new LRUCache<string, Instant>({ max: maxKept });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that the tenant may not use a bulk action, where that is what came of the request. */
  noteOutcomes(
    tenantId: string,
    { route }: SendCall,
    outcomes: ReadonlyMap<string, SendOutcome>,
  ): void {
    const [first] = outcomes.values();
    if (first?.kind !== "singly" || !first.forbidden || route.bulkAction === undefined) return;
    this.#until.set(`${tenantId} ${route.bulkAction}`, this.#clock.now() + keepMs);
  }

  /** The devices; those whose bulk action was refused lately are to be asked singly. */
  applyTo<A extends AskedDevice>(
    { routes }: Pick<Asking, "routes">,
    tenantId: string,
    asked: readonly A[],
  ): readonly A[] {
    if (this.#until.size === 0) return asked;
    const refused = routes.map(({ bulkAction }) => this.#holds(tenantId, bulkAction));
    return asked.map((one) => (refused[one.route] ? { ...one, singly: true } : one));
  }

  #holds(tenantId: string, bulkAction: string | undefined): boolean {
    const until = this.#until.get(`${tenantId} ${bulkAction}`);
    return until !== undefined && this.#clock.now() < until;
  }
}

// What devices and audits tell.

/**
 * From when on a trace is taken for ours. Of a device that nobody knows to have been asked, and that must not be asked
 * twice, an older trace would be the harmful mistake.
 */
function sinceOf({ repeatable }: Asking, { state, claimedAt, at }: AskedDevice): Instant {
  const since = claimedAt ?? at;
  return state === "claimed" && !repeatable ? strictly(since) : since;
}

/** What reading devices back tells, by their ids; costs a read of the tenant's budget for each. */
export async function readReports(
  graph: GraphClient,
  tenantId: string,
  asking: Asking,
  asked: readonly AskedDevice[],
) {
  const suspects = asked.map(({ targetId: deviceId, route }) => ({
    deviceId,
    route: asking.routes[route],
  }));
  const read = await readBackDevices(graph, tenantId, suspects);
  return new Map(asked.map((one) => [one.targetId, reportOf(asking, one, read.get(one.targetId))]));
}

/** What reading a device back tells of what it was asked. Pure. */
export function reportOf(asking: Asking, asked: AskedDevice, read: ReadBack | undefined) {
  switch (read?.kind) {
    case undefined:
      return { kind: "unreadable" } as const;
    case "refused":
      return { kind: "unreadable", why: read.detail } as const;
    case "later":
      return { ...read, kind: "unreadable" } as const;
    case "gone": {
      const detail = "Intune no longer knows the device";
      return { kind: "gone", code: "device-gone", detail } as const;
    }
    case "seen": {
      const names = asking.routes[asked.route]?.resultNames ?? [];
      const verdict = verdictOf(read.device, names, sinceOf(asking, asked));
      return meaningOf(verdict, seenSince(read.device, asked.at));
    }
  }
}

const reported = (event: "fail" | "decline" | "cancel", code: string, detail: string) =>
  ({ kind: "ended", event, code, detail }) as const;

function meaningOf(verdict: Verdict, awake: boolean) {
  switch (verdict) {
    case "done":
      return { kind: "ended", event: "finish" } as const;
    case "failed":
      return reported("fail", "device-reported-failure", "the device reported that it failed");
    case "notSupported":
      return reported("decline", "not-supported-by-device", "the device reported so");
    case "cancelled":
      return reported("cancel", "cancelled-elsewhere", "cancelled in Intune");
    case "pending":
      return { kind: "pending", awake } as const;
    case "none":
      return { kind: "nothing", awake } as const;
  }
}

/** What Intune's audits tell of devices; undefined where they cannot be asked, or list none of it. */
export async function auditsOf(
  audits: RemoteActionAudits,
  tenantId: string,
  asking: Asking,
  asked: readonly AskedDevice[],
) {
  const namesOf = ({ route }: AskedDevice) => asking.routes[route]?.auditNames;
  const named = asked.filter((one) => namesOf(one) !== undefined);
  if (named.length === 0 || !audits.mayAsk(tenantId)) return undefined;
  const list = await audits.since(
    tenantId,
    Math.min(...named.map(({ claimedAt, at }) => claimedAt ?? at)),
  );
  return {
    requests: list.requests,
    covers: (one: AskedDevice) => namesOf(one) !== undefined,
    find: (one: AskedDevice) => {
      const names = namesOf(one);
      const audit = names && list.find(one.targetId, names, sinceOf(asking, one));
      return audit && meaningOf(audit.verdict, true);
    },
  };
}

/** What reading devices back costs that goes as it should; what audits list is a share of a page. Pure. */
export function readsFor({ routes }: Asking, asked: readonly AskedDevice[]): number {
  const listed = asked.filter(({ route }) => routes[route]?.auditNames !== undefined).length;
  return listed / auditsPerRequest + asked.length - listed;
}
