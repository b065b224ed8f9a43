/**
 * Syncs of configuration beside a bare loop: it reads the same pages from the same sandbox, with as many connections,
 * and does nothing with them. What a sync takes beyond that is what Muster adds. Both take turns, since a machine
 * is not the same from one minute to the next.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TableClient } from "@azure/data-tables";
import { configurationTypes } from "../../shared/sync/catalogue/catalogue.ts";
import { bareReading, bareReadings } from "../setup/bare-reading.ts";
import { peakMiB, processorSeconds, resetPeak } from "../setup/memory.ts";
import { type Muster, processorFor, startMuster } from "../setup/muster.ts";
import { graphRequests } from "../setup/surroundings.ts";
import { median, timed, until } from "../setup/timing.ts";
import { appToken } from "../setup/token.ts";
import { countsBetween, type WireCounts } from "../setup/wire.ts";

/** Seconds of both, the medians of so many turns. */
export type Beside = {
  readonly seconds: number;
  readonly bareSeconds: number;
  readonly turns: number;
  /** What it takes of processors, which others on the machine change less than the time. */
  readonly processor: Processor;
};

/** Seconds of processor in one turn: of the process that runs the functions, of the storage, and of the bare loop. */
export type Processor = {
  readonly worker: number;
  readonly storage: number;
  readonly loop: number;
};

/** One large tenant. */
export type LargeSync = {
  readonly items: number;
  readonly first: Beside;
  readonly unchanged: Beside;
};

/** What the unchanged sync of a tenant cost, seen from outside. */
export type SyncCounts = {
  readonly items: number;
  readonly storage: WireCounts;
  readonly graph: number;
  readonly graphParts: number;
  /** The same of the bare loop. */
  readonly bareGraph: number;
  readonly bareGraphParts: number;
};

/** One night. */
export type Night = Beside & {
  readonly tenants: number;
  readonly workerMiB: number | undefined;
  readonly hostMiB: number | undefined;
};

/** A baseline of one item, published to tenants at once: until each has its plan. */
export type Publication = Beside & { readonly tenants: number };

/** The type of that item. */
const published = "roleScopeTag";

/** The types that a tenant has enabled where nobody has said otherwise. */
const types = configurationTypes.filter(({ isWritten, isOptional }) => isWritten && !isOptional);

/** What Graph lets a tenant ask would be all that is timed: paces are lifted, of the stand-in and of Muster. */
const pace = {
  configurationReads: "unlimited",
  identityReads: "unlimited",
  conditionalAccess: "unlimited",
} as const;

async function ask(muster: Muster, method: string, path: string, body: object): Promise<void> {
  const answer = await fetch(`${muster.sandbox.url}/_sandbox/${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`sandbox ${method} ${path}: ${answer.status}`);
}

/** A tenant with so many items, known to Muster; answers what reads it bare. */
async function addTenant(muster: Muster, items: number) {
  const tenantId = randomUUID();
  const displayName = `${items} items`;
  await ask(muster, "POST", "tenants", { tenantId, displayName, items });
  await ask(muster, "PUT", "behaviour", { tenantId, accessPaceMs: 0 });
  await muster.api("POST", "tenants", { tenantId, displayName, pace });
  const token = await appToken(muster.sandbox, tenantId);
  const bareOf = (some: typeof types) => bareReading(muster.sandbox.graphUrl, token, some);
  return {
    tenantId,
    bare: bareOf(types),
    bareOfPublished: bareOf(types.filter(({ key }) => key === published)),
  };
}

/**
 * Starts a sync and waits for its end; answers when that was. Asks the table itself: what is timed is not to answer for it
 * beside its work. The end is when the storage wrote it, and not when somebody saw it there.
 */
async function syncOnce({ api, storage }: Muster, tenantId: string): Promise<number> {
  const path = `tenants/${tenantId}/syncs`;
  const { syncId } = (await api("POST", path, {})) as unknown as { syncId: string };
  const table = syncRows(storage);
  let endedAt = Number.NaN;
  const end = async (): Promise<boolean> => {
    const row = await table.getEntity(tenantId, syncId);
    endedAt = Date.parse(row.timestamp ?? "");
    return row["phase"] === "done";
  };
  await until("a sync", end, { everyMs: 50 });
  const { outcome } = (await api("GET", `${path}/${syncId}`)) as unknown as { outcome?: string };
  if (outcome !== "succeeded") throw new Error(`it ended as ${outcome}`);
  return endedAt;
}

const syncRows = (storage: string): TableClient =>
  TableClient.fromConnectionString(storage, "Syncs", { allowInsecureConnection: true });

/**
 * Measures a large tenant's first sync, and one that finds nothing changed, in turn with the bare loop. Turns to warm up come
 * first: code that runs seldom is translated late, that of the sync as that of the loop.
 */
export async function measureLargeSync(
  items: number,
  turns: number,
  warmUp = 3,
): Promise<LargeSync> {
  const muster = await startMuster();
  const times = { first: [], bareFirst: [], unchanged: [], bare: [] } as Record<string, Turn[]>;
  const note = async (what: string, work: () => Promise<Ended>): Promise<void> => {
    times[what]?.push(await oneTurn(muster, work));
  };
  try {
    for (let turn = -warmUp; turn < turns; turn += 1) {
      if (turn === 0) for (const each of Object.values(times)) each.length = 0;
      const { tenantId, bare } = await addTenant(muster, items);
      // The stand-in makes a tenant's items when they are first asked for.
      await bareReadings([bare]);
      await note("first", () => syncOnce(muster, tenantId));
      await note("bareFirst", () => bareReadings([bare]));
      // Most come after one like themselves: the first of them also clears away what the sync before has left in memory.
      for (let night = 0; night < unchangedPerTurn; night += 1) {
        await note("unchanged", () => syncOnce(muster, tenantId));
        await note("bare", () => bareReadings([bare]));
      }
    }
  } finally {
    await muster.stop();
  }
  const { first = [], bareFirst = [], unchanged = [], bare = [] } = times;
  return { items, first: beside(first, bareFirst), unchanged: beside(unchanged, bare) };
}

const unchangedPerTurn = 3;

type Turn = Processor & { readonly seconds: number };
/** When a piece of work was over, in ms of the clock, where that was before its answer came. */
type Ended = number | void;

/** Times one turn of either. */
async function oneTurn(muster: Muster, work: () => Promise<Ended>): Promise<Turn> {
  const loop = processorSeconds(process.pid) ?? 0;
  const begunAt = Date.now();
  const { value, processor } = await processorFor(muster, () => timed(work));
  const { value: endedAt, seconds } = value;
  return {
    seconds: endedAt === undefined ? seconds : (endedAt - begunAt) / 1_000,
    worker: processor.workers,
    storage: processor.storage,
    loop: (processorSeconds(process.pid) ?? 0) - loop,
  };
}

function beside(turns: readonly Turn[], bare: readonly Turn[]): Beside {
  const mean = (of: readonly Turn[], what: keyof Processor): number =>
    of.reduce((sum, turn) => sum + turn[what], 0) / of.length;
  return {
    seconds: median(turns.map(({ seconds }) => seconds)),
    bareSeconds: median(bare.map(({ seconds }) => seconds)),
    turns: turns.length,
    processor: {
      worker: mean(turns, "worker"),
      storage: mean(turns, "storage"),
      loop: mean(bare, "loop"),
    },
  };
}

/** Counts what a sync costs that finds nothing changed. */
export async function countSync(items: number): Promise<SyncCounts> {
  const muster = await startMuster({ counted: true });
  const { wire, sandbox } = muster;
  try {
    const { tenantId, bare } = await addTenant(muster, items);
    // The first one plans nothing, and the second keeps its empty plan: from then on nothing is new.
    for (const _ of ["first", "second"]) await syncOnce(muster, tenantId);
    await until("what is left of them", () => (wire?.quietMs() ?? 0) > 1_500);
    const [storage, graph] = [wire?.read() ?? {}, await graphRequests(sandbox.url)];
    await syncOnce(muster, tenantId);
    const [storageAfter, graphAfter] = [wire?.read() ?? {}, await graphRequests(sandbox.url)];
    await bareReadings([bare]);
    const bareAfter = await graphRequests(sandbox.url);
    return {
      items,
      storage: countsBetween(storage, storageAfter),
      graph: graphAfter.total - graph.total,
      graphParts: graphAfter.parts - graph.parts,
      bareGraph: bareAfter.total - graphAfter.total,
      bareGraphParts: bareAfter.parts - graphAfter.parts,
    };
  } finally {
    await muster.stop();
  }
}

const itemsOfSmall = 60;
type Tenant = Awaited<ReturnType<typeof addTenant>>;

/**
 * Measures nights of so many tenants, one number after the other, in one Muster, and a publication to all in the end. A
 * night that is not timed comes before, unless there is no time to warm up.
 */
export async function measureNights(
  sizes: readonly number[],
  warmUp = true,
): Promise<{ readonly nights: Night[]; readonly publication: Publication }> {
  const muster = await startMuster();
  const nights: Night[] = [];
  const tenants: Tenant[] = [];
  try {
    for (const size of sizes) {
      while (tenants.length < size) {
        tenants.push(await addTenant(muster, itemsOfSmall));
      }
      await firstSyncs(muster, tenants);
      if (warmUp && nights.length === 0) await oneNight(muster, tenants);
      nights.push(await oneNight(muster, tenants));
    }
    return { nights, publication: await onePublication(muster, tenants) };
  } finally {
    await muster.stop();
  }
}

/** Tenants that one request takes. */
const mostPublished = 500;

/** Publishes an item that none of them has, and waits until each waits for somebody to approve it. */
async function onePublication(muster: Muster, all: readonly Tenant[]): Promise<Publication> {
  const tenants = all.slice(0, mostPublished);
  const items = [{ type: published, key: "Published", body: { displayName: "Published" } }];
  const made = await muster.api("POST", "baselines", { name: "One", message: "bench", items });
  const { baselineId } = made as unknown as { baselineId: string };
  const bareReads = () => bareReadings(tenants.map(({ bareOfPublished }) => bareOfPublished));
  await bareReads();
  const before = await oneTurn(muster, bareReads);
  const turn = await oneTurn(muster, async () => {
    const tenantIds = tenants.map(({ tenantId }) => tenantId);
    await muster.api("POST", `baselines/${baselineId}/publish`, { tenantIds });
    return untilStatus(muster, "pendingApproval", tenants.length);
  });
  const after = await oneTurn(muster, bareReads);
  return { tenants: tenants.length, ...beside([turn], [before, after]) };
}

/** Lets every tenant have its first sync, from which on it has nights. */
async function firstSyncs(muster: Muster, tenants: readonly Tenant[]): Promise<void> {
  const tenantIds = tenants.map(({ tenantId }) => tenantId);
  for (let at = 0; at < tenantIds.length; at += 100)
    await muster.api("POST", "syncs", { tenantIds: tenantIds.slice(at, at + 100) });
  await untilIdle(muster, tenants.length, Date.now());
}

/**
 * Waits until so many tenants are idle with a next night after `since`, twice in a row: a tenant whose night has come
 * is idle for a moment with the next one. Asks the table itself, which is less work than a list with all of them, and
 * answers when the storage wrote the last of them.
 */
const untilIdle = (muster: Muster, tenants: number, since: number): Promise<number> =>
  untilStatus(muster, "idle", tenants, ` and nextAt gt ${since.toFixed(1)}`);

async function untilStatus(
  { storage }: Muster,
  status: string,
  tenants: number,
  also = "",
): Promise<number> {
  const table = syncRows(storage);
  const filter = `PartitionKey eq 'statuses' and status eq '${status}'${also}`;
  let seen = 0;
  let lastAt = 0;
  const isSo = async (): Promise<boolean> => {
    const found: number[] = [];
    const listed = table.listEntities({ queryOptions: { filter, select: ["Timestamp"] } });
    for await (const { timestamp = "" } of listed) found.push(Date.parse(timestamp));
    seen = found.length === tenants ? seen + 1 : 0;
    lastAt = Math.max(...found);
    return seen > 1;
  };
  // The emulator looks at all of its rows for such a question: of many tenants it is asked less often.
  const everyMs = 250 + 4 * tenants;
  await until(`all tenants to be ${status}`, isSo, { everyMs });
  return lastAt;
}

/** The night of all tenants: the same minute, a little ahead. */
async function oneNight(muster: Muster, tenants: readonly Tenant[]): Promise<Night> {
  const bareNight = () => bareReadings(tenants.map(({ bare }) => bare));
  await bareNight();
  const before = await oneTurn(muster, bareNight);
  const minute = Math.ceil(Date.now() / minuteMs + tenants.length / 500) * minuteMs;
  const at = new Date(minute).toISOString().slice(11, 16);
  for (const { tenantId } of tenants)
    await muster.api("PATCH", `tenants/${tenantId}/sync-status/settings`, { nightly: { at } });
  if (Date.now() > minute) throw new Error("the night has come before everybody had gone to bed");
  await sleep(minute - Date.now() + 500);
  resetPeak(muster.workerPid);
  resetPeak(muster.hostPid);
  const night = await oneTurn(muster, async () => {
    await muster.runTimer("sync-timer");
    return untilIdle(muster, tenants.length, minute);
  });
  const after = await oneTurn(muster, bareNight);
  return {
    tenants: tenants.length,
    ...beside([night], [before, after]),
    workerMiB: peakMiB(muster.workerPid),
    hostMiB: peakMiB(muster.hostPid),
  };
}

const minuteMs = 60_000;
