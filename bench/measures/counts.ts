/** Muster counted at the wire: requests to storage and to Graph, per device. Not timed: counting slows. */

import type { RouteKind } from "../options.ts";
import {
  addTenant,
  checkOnce,
  type Muster,
  notify,
  refresh,
  startMuster,
  untilReached,
  untilSent,
} from "../setup/muster.ts";
import { graphRequests, touchFleet } from "../setup/surroundings.ts";
import { timed, until } from "../setup/timing.ts";
import { countsBetween, sumOf, type WireCounts } from "../setup/wire.ts";
import { type ReadCounts, readAll } from "./reading.ts";

/** Requests of one phase; `storage` by kind, `answers` as the wire has them. */
export type Phase = {
  readonly storage: WireCounts;
  readonly answers: WireCounts;
  readonly storageTotal: number;
  readonly graph: number;
  /** Requests inside of batches: Microsoft's limits count these. */
  readonly graphParts: number;
  readonly seconds: number;
};

/** One fleet, counted. */
export type Counted = {
  readonly route: RouteKind;
  readonly devices: number;
  readonly firstRefresh: Phase;
  readonly sameRefresh: Phase | undefined;
  readonly changedRefresh: Phase | undefined;
  readonly dispatch: Phase;
  readonly confirmation: Phase | undefined;
  readonly reading: ReadCounts | undefined;
};

/** Fleets up to this size are also followed until every device has answered: check-ins are read one by one. */
const maxConfirmed: Readonly<Record<RouteKind, number>> = { bulk: 100_000, batch: 10_000 };
/** Time for a counted dispatch to be over before its confirmation begins, in seconds. */
const confirmAfter = (devices: number): number => (devices > 10_000 ? 30 : 10);
/** Silence that means a phase is over, on a busy machine too: outcomes of all chunks were missed with 0.7 s; confirmations of units come a poll of their queue apart. */
const quietMs = { dispatch: 2_000, confirmation: 3_000 };
/** Of a fleet, in the third refresh. */
const changedShare = 0.01;

/** What else is counted beside one dispatch. */
export type CountOptions = {
  /** What reading costs. */
  readonly reading: boolean;
  /** A second refresh in which nothing changed, and a third in which little did. */
  readonly refreshes: boolean;
  /** What following a small fleet costs, until every device has answered. */
  readonly confirm: boolean;
  /** Host processes; one where absent. */
  readonly hosts?: number;
};

/** Counts one fleet. */
export async function measureCounts(
  route: RouteKind,
  devices: number,
  { reading, refreshes, confirm, hosts = 1 }: CountOptions,
): Promise<Counted> {
  const confirms = confirm && devices <= maxConfirmed[route];
  const confirmAfterSeconds = confirmAfter(devices);
  const following = confirms ? { confirmAfterSeconds } : {};
  const muster = await startMuster({ counted: true, hosts, ...following });
  try {
    // Creates tables and queues, which no later fleet pays for.
    const first = await countDispatch(muster, route, 100);
    if (confirms) await until("the first fleet", async () => isFinal(muster, first.path));
    // Read back at the default pace, as at Microsoft's side.
    const paced = route === "bulk" ? "default" : "unlimited";
    const tenantId = await addTenant(muster, devices, route, paced);
    const refreshed = () => phase(muster, () => refresh(muster, tenantId));
    const firstRefresh = await refreshed();
    const sameRefresh = refreshes ? await refreshed() : undefined;
    await touchFleet(muster.sandbox.url, tenantId, Math.round(devices * changedShare));
    const changedRefresh = refreshes ? await refreshed() : undefined;
    const { path, ...sent } = await countDispatch(muster, route, devices, tenantId);
    const confirmation = confirms ? await countConfirmation(muster, path) : undefined;
    const read = reading ? await readAll(muster, path) : undefined;
    return {
      route,
      devices,
      firstRefresh,
      sameRefresh,
      changedRefresh,
      dispatch: sent.dispatch,
      confirmation,
      reading: read,
    };
  } finally {
    await muster.stop();
  }
}

async function countDispatch(
  muster: Muster,
  route: RouteKind,
  devices: number,
  known?: string,
): Promise<{ path: string; dispatch: Phase }> {
  const tenantId = known ?? (await addTenant(muster, devices, route));
  if (known === undefined) await refresh(muster, tenantId);
  let path = "";
  const dispatch = await phase(muster, async () => {
    path = await notify(muster, tenantId, route);
    await untilReached(muster, tenantId, devices);
  });
  await untilSent(muster, path, devices);
  await checkOnce(muster, tenantId, devices);
  return { path, dispatch };
}

/** From the first look at devices until the notification has ended, as it says itself afterwards. */
async function countConfirmation(muster: Muster, path: string): Promise<Phase> {
  let begunAt = 0;
  const counted = await phase(
    muster,
    async () => {
      const { total } = await graphRequests(muster.sandbox.url);
      const hasBegun = async () => (await graphRequests(muster.sandbox.url)).total > total;
      await until("confirmation to begin", hasBegun, { everyMs: 100 });
      begunAt = Date.now();
    },
    quietMs.confirmation,
  );
  const { final, finishedAt } = await muster.api("GET", path);
  if (!final) throw new Error("confirmation did not end");
  return { ...counted, seconds: (Date.parse(finishedAt ?? "") - begunAt) / 1000 };
}

const isFinal = async ({ api }: Muster, path: string): Promise<boolean> =>
  (await api("GET", path)).final;

/** Counts all requests from the beginning of some work until storage is quiet after it. */
export async function phase(
  muster: Muster,
  work: () => Promise<unknown>,
  silenceMs = quietMs.dispatch,
): Promise<Phase> {
  const { sandbox, wire } = muster;
  if (wire === undefined) throw new Error("this Muster is not counted");
  const before = {
    storage: wire.read(),
    answers: wire.readAnswers(),
    graph: await graphRequests(sandbox.url),
  };
  const { seconds } = await timed(work);
  await until("quiet", () => wire.quietMs() > silenceMs);
  const graph = await graphRequests(sandbox.url);
  const storage = countsBetween(before.storage, wire.read());
  return {
    storage,
    answers: countsBetween(before.answers, wire.readAnswers()),
    storageTotal: sumOf(storage),
    graph: graph.total - before.graph.total,
    graphParts: graph.parts - before.graph.parts,
    seconds,
  };
}
