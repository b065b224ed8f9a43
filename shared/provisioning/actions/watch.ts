/**
 * Reads whole lists of Graph for everybody who waits for something in them: page by page, again and again, and never
 * more than so many pages a minute of a tenant, whoever asks and however many wait. What is asked device by device
 * elsewhere costs ten thousand waiting devices ten pages here.
 *
 * In memory: each instance of the app reads for its own share of the devices that wait.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import type { GraphClient, GraphRequest, GraphVersion } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";

/** A list, and what is kept of its entries. */
export type WatchedList<T> = {
  readonly version: GraphVersion;
  readonly path: string;
  readonly headers?: GraphRequest["headers"];
  /** Undefined: an entry that nobody lists for. */
  readonly read: (entry: unknown) => { readonly key: string; readonly value: T } | undefined;
  /** What it means that nothing is in it: a fault of the service, or rather one, until it is so a second time. */
  readonly emptyIs?: "fault" | "doubtful";
};

/** An entry, and when the page was read that had it. */
type Entry<T> = { readonly at: Instant; readonly value: T };

/** What is known of a list. */
export type Listed<T> = {
  readonly find: (key: string) => Entry<T> | undefined;
  /** When the latest reading began that got to the end: what it did not find was not there. */
  readonly wholeSince?: Instant;
  /** Requests that it took now. */
  readonly requests: number;
  /** Why nothing new is known. */
  readonly why?: string;
};

/** So many pages at once at most, and so many a minute: within any minute at most twenty. */
const burst = 4;
const everyMs = 4_000;
/** A list that was read to its end is not begun again before. */
const freshMs = 15_000;
/** A refused list is asked for again after this. */
const refusedMs = 5 * 60_000;
const throttledMs = 30_000;
/** Lists in memory: one of a large tenant takes tens of megabytes. */
const maxLists = 24;
const maxTenants = 10_000;

const Page = z.object({
  value: z.array(z.unknown()),
  "@odata.nextLink": z.string().nullish(),
});

type Walk = {
  readonly entries: Map<string, Entry<unknown>>;
  /** Of the reading that is under way. */
  startedAt: Instant;
  next: string | undefined;
  /** Links of this reading: one that comes again leads in a circle. */
  readonly links: Set<string>;
  wholeSince: Instant | undefined;
  why: string | undefined;
  /** Its latest reading found nothing at all. */
  wasEmpty: boolean;
  busy: Promise<number> | undefined;
};

/** Reads lists for all that wait. */
export class ListWatch {
  readonly #graph: GraphClient;
  readonly #clock: Clock;
  readonly #walks = new LRUCache<string, Walk>({ max: maxLists });
  /** When the tenant's next page is due, had all of them been read in time. */
  readonly #due = new LRUCache<string, Instant>({ max: maxTenants });

  constructor(graph: GraphClient, clock: Clock) {
    this.#graph = graph;
    this.#clock = clock;
  }

  /** What is known now, after as many pages as the tenant's share allows. Whoever asks meanwhile shares it. */
  async latest<T>(tenantId: string, list: WatchedList<T>): Promise<Listed<T>> {
    const walk = this.#walkOf(tenantId, list.path);
    const isShared = walk.busy !== undefined;
    walk.busy ??= this.#readOn(tenantId, list, walk).finally(() => {
      walk.busy = undefined;
    });
    const requests = await walk.busy;
    return {
      find: (key) => walk.entries.get(key) as Entry<T> | undefined,
      ...(walk.wholeSince === undefined ? {} : { wholeSince: walk.wholeSince }),
      requests: isShared ? 0 : requests,
      ...(walk.why === undefined ? {} : { why: walk.why }),
    };
  }

  #walkOf(tenantId: string, path: string): Walk {
    const key = `${tenantId} ${path}`;
    const known = this.#walks.get(key);
    if (known !== undefined) return known;
    const walk: Walk = {
      entries: new Map(),
      startedAt: Number.NEGATIVE_INFINITY,
      next: undefined,
      links: new Set(),
      wholeSince: undefined,
      why: undefined,
      wasEmpty: false,
      busy: undefined,
    };
    this.#walks.set(key, walk);
    return walk;
  }

  async #readOn<T>(tenantId: string, list: WatchedList<T>, walk: Walk): Promise<number> {
    for (let requests = 0; ; requests += 1) {
      const now = this.#clock.now();
      const isDue = walk.next !== undefined || now - walk.startedAt >= freshMs;
      if (!isDue || !this.#mayAsk(tenantId)) return requests;
      if (walk.next === undefined) {
        walk.startedAt = now;
        walk.links.clear();
      }
      this.#due.set(tenantId, Math.max(now, this.#due.get(tenantId) ?? 0) + everyMs);
      const answer = await this.#page(tenantId, list, walk.next);
      const page = answer.kind === "ok" ? Page.safeParse(answer.body) : undefined;
      const link = page?.data?.["@odata.nextLink"] ?? "";
      if (page?.success && !walk.links.has(link)) this.#keep(list, walk, page.data, now);
      else this.#failed(tenantId, walk, answer);
    }
  }

  #page(
    tenantId: string,
    { version, path, headers }: WatchedList<unknown>,
    next: string | undefined,
  ): Promise<GraphAnswer> {
    if (next !== undefined) return this.#graph.follow(tenantId, next, headers);
    const request = { method: "GET", path, ...(headers && { headers }) } as const;
    return this.#graph.ask(tenantId, version, request);
  }

  #mayAsk(tenantId: string): boolean {
    return (this.#due.get(tenantId) ?? 0) <= this.#clock.now() + burst * everyMs;
  }

  #keep<T>(
    list: WatchedList<T>,
    walk: Walk,
    { value, "@odata.nextLink": next }: z.output<typeof Page>,
    at: Instant,
  ): void {
    for (const each of value) {
      const entry = list.read(each);
      if (entry !== undefined) walk.entries.set(entry.key, { at, value: entry.value });
    }
    walk.why = undefined;
    walk.next = next ?? undefined;
    if (walk.next !== undefined) walk.links.add(walk.next);
    if (walk.next !== undefined) return;
    const isEmpty = [...walk.entries.values()].every((entry) => entry.at < walk.startedAt);
    const isSure = list.emptyIs === undefined || (list.emptyIs === "doubtful" && walk.wasEmpty);
    walk.wasEmpty = isEmpty;
    if (isEmpty && !isSure) {
      // What was known stays known: nobody is taken to be gone by it.
      walk.why = "the list came empty, and is asked for again";
      return;
    }
    walk.wholeSince = walk.startedAt;
    for (const [key, entry] of walk.entries)
      if (entry.at < walk.startedAt) walk.entries.delete(key);
  }

  /** Links may have run out, so the next reading begins anew. */
  #failed(tenantId: string, walk: Walk, answer: GraphAnswer): void {
    walk.next = undefined;
    walk.why =
      answer.kind === "refused" ? wordsOf(answer) : answer.kind === "ok" ? "no list" : answer.why;
    const now = this.#clock.now();
    const wait = "retryAfterMs" in answer ? answer.retryAfterMs : undefined;
    if (answer.kind === "throttled")
      this.#due.set(tenantId, now + burst * everyMs + (wait ?? throttledMs));
    // It is begun again when what was just read has aged.
    walk.startedAt = answer.kind === "refused" ? now + refusedMs - freshMs : now;
  }
}

// The lists. What a row lacks is absent in what is kept of it.

const text = z
  .string()
  .nullish()
  .transform((value) => value || undefined);
const id = z.string().toLowerCase();

const Managed = z.object({
  id,
  deviceName: text,
  operatingSystem: text,
  osVersion: text,
  managementAgent: text,
  complianceState: text,
  lastSyncDateTime: text,
});

export type ManagedEntry = z.output<typeof Managed>;

/** Intune's devices, by their ids. */
export const managedDevices: WatchedList<ManagedEntry> = {
  version: "v1.0",
  path: "/deviceManagement/managedDevices?$select=id,deviceName,operatingSystem,osVersion,managementAgent,complianceState,lastSyncDateTime&$top=1000",
  read: (entry) => keyed(Managed.safeParse(entry).data, ({ id: key }) => key),
  // Whoever waits for a device here has one.
  emptyIs: "fault",
};

const Registered = z.object({
  id: z.string(),
  managedDeviceId: id,
  groupTag: z
    .string()
    .nullish()
    .transform((tag) => tag ?? ""),
  userPrincipalName: text,
  deploymentProfileAssignmentStatus: text,
});

export type RegisteredEntry = z.output<typeof Registered>;

/** Autopilot's devices that are enrolled, by their Intune ids. Beta, which alone shows the profile's state. */
export const registeredDevices: WatchedList<RegisteredEntry> = {
  version: "beta",
  path: "/deviceManagement/windowsAutopilotDeviceIdentities?$top=999",
  read: (entry) => keyed(Registered.safeParse(entry).data, (device) => device.managedDeviceId),
  emptyIs: "doubtful",
};

const Member = z.object({ deviceId: id });

/** Devices of a group and of the groups in it, by their Entra device ids. */
export const membersOf = (groupId: string): WatchedList<true> => ({
  version: "v1.0",
  path: `/groups/${encodeURIComponent(groupId)}/transitiveMembers/microsoft.graph.device?$select=id,deviceId&$count=true&$top=999`,
  // Casting is an advanced query.
  headers: { ConsistencyLevel: "eventual" },
  read: (entry) => {
    const member = Member.safeParse(entry).data;
    return member && { key: member.deviceId, value: true };
  },
});

const RunState = z.object({
  managedDevice: z.object({ id }),
  lastStateUpdateDateTime: text,
  detectionState: text,
  remediationState: text,
  preRemediationDetectionScriptOutput: text,
  preRemediationDetectionScriptError: text,
  remediationScriptError: text,
  postRemediationDetectionScriptOutput: text,
  postRemediationDetectionScriptError: text,
});
/** How a remediation went on a device. */
export type RunState = z.output<typeof RunState>;

/** How a remediation went, by the devices' Intune ids. */
export const runStatesOf = (scriptId: string): WatchedList<RunState> => ({
  version: "beta",
  path: `/deviceManagement/deviceHealthScripts/${encodeURIComponent(scriptId)}/deviceRunStates?$expand=managedDevice($select=id)&$top=1000`,
  read: (entry) => keyed(RunState.safeParse(entry).data, ({ managedDevice }) => managedDevice.id),
});

const keyed = <T>(value: T | undefined, key: (value: T) => string) =>
  value === undefined ? undefined : { key: key(value), value };
