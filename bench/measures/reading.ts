/** What reading costs: storage reads at the wire, and time by how far into a list one reads. */
import type { Answer, Muster } from "../setup/muster.ts";
import { median, timed } from "../setup/timing.ts";
import { countsBetween, type WireCounts } from "../setup/wire.ts";

/** One kind of read; `storage` is a mean, since what an instance remembers is read once in a while. */
export type Reading = { readonly storage: WireCounts; readonly ms: number };
export type ReadCounts = Readonly<Record<string, Reading>>;

const perPage = 1_000;
const samples = 10;

/** Reads status, deliveries and devices of a sent notification. */
export async function readAll(muster: Muster, path: string): Promise<ReadCounts> {
  const { api } = muster;
  const tenant = path.split("/").slice(0, 2).join("/");
  const deliveries = await links(muster, `${path}/deliveries?top=100`, 6);
  const devices = await links(muster, `${tenant}/devices?top=${perPage}`);
  const middle = Math.floor(devices.length / 2);
  const end = devices.length - 2;
  const at = (page: number) => () => api("GET", devices[Math.max(0, page)] ?? "");
  return {
    "status of a notification": await read(muster, () => api("GET", path)),
    "first page of deliveries": await read(muster, () => api("GET", deliveries[0] ?? "")),
    "a later page of deliveries": await read(muster, () => api("GET", deliveries.at(-1) ?? "")),
    "a page of deliveries of one state": await read(muster, () =>
      api("GET", `${path}/deliveries?top=100&state=sent`),
    ),
    "device list, first page": await read(muster, at(0)),
    "device list, page in the middle": await read(muster, at(middle)),
    "device list, page at the end": await read(muster, at(end)),
  };
}

/** Makes a read a few times: what it costs in the mean, and how long it takes in the middle. */
async function read({ wire }: Muster, work: () => Promise<Answer>): Promise<Reading> {
  const before = wire?.read() ?? {};
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample += 1)
    times.push((await timed(work)).seconds * 1000);
  const storage = tableReads(countsBetween(before, wire?.read() ?? {}));
  return { storage, ms: median(times) };
}

/** Queues are polled all the time, by nobody who reads. */
const tableReads = (counts: WireCounts): WireCounts =>
  Object.fromEntries(
    Object.entries(counts)
      .filter(([kind]) => kind.startsWith("table"))
      .map(([kind, count]) => [kind, count / samples]),
  );

/** Addresses of a list's pages, from the first on. */
async function links({ api }: Muster, first: string, most = 5_000): Promise<string[]> {
  const found = [first];
  for (;;) {
    const { nextLink } = await api("GET", found.at(-1) ?? "");
    if (nextLink === undefined || found.length === most) return found;
    found.push(nextLink);
  }
}
