/** The site's client operations: which there are, for whom, and how their clients are counted. */
import type { Counts } from "./outcomes.ts";
import { numberIn, type OdataReader, type Row, SiteUnreadable } from "./reads.ts";

/** An operation as the site lists it; `targets` is undefined where the site does not tell. */
export type SiteOperation = {
  readonly id: number;
  readonly targets: readonly number[] | undefined;
};

const maxRemembered = 5_000;

/** Reads operations. @throws SiteUnreadable when the site does not answer. */
export function operationsReader({ list, one }: OdataReader) {
  let latest = 0;
  const targetsOf = targetsReader(one);
  return {
    /** The highest number of any operation; the list of all of them is read only once. */
    latestOperation: async (): Promise<number> => {
      const path = `/wmi/SMS_ClientOperation?$filter=ID gt ${latest}&$select=ID`;
      for (const row of await list(path)) latest = Math.max(latest, numberIn(row, "ID"));
      return latest;
    },
    /** Operations of a type above `after`, with their targets; not those `known`. */
    operationsAfter: async (
      { after, type }: { readonly after: number; readonly type: number },
      known: ReadonlySet<number>,
    ): Promise<SiteOperation[]> => {
      const filter = `ID gt ${after} and PrimaryActionType eq ${type}`;
      const found: SiteOperation[] = [];
      for (const row of await list(`/wmi/SMS_ClientOperation?$filter=${filter}`)) {
        const id = numberIn(row, "ID");
        if (!known.has(id)) found.push({ id, targets: await targetsOf(id) });
      }
      return found;
    },
    /** The counts of an operation; undefined when the site has forgotten it. */
    status: async (id: number): Promise<(Counts & { readonly expired: boolean }) | undefined> => {
      const row = await one(`/wmi/SMS_ClientOperationStatus(${id})`);
      return row && countsIn(row);
    },
  };
}

/** Reads whom an operation is for, which never changes: a lazy property that only it by itself shows. */
function targetsReader(one: OdataReader["one"]) {
  const remembered = new Map<number, readonly number[]>();
  return async (id: number): Promise<readonly number[] | undefined> => {
    const known = remembered.get(id);
    if (known !== undefined) return known;
    const operation = await one(`/wmi/SMS_ClientOperation(${id})`);
    // The list has just shown it.
    if (operation === undefined) throw new SiteUnreadable(`operation ${id} cannot be read`);
    const targets = operation["TargetResourceIDs"];
    if (!Array.isArray(targets)) return undefined;
    if (remembered.size >= maxRemembered) remembered.clear();
    const ids = targets.map(Number);
    remembered.set(id, ids);
    return ids;
  };
}

const countsIn = (row: Row) => ({
  total: numberIn(row, "TotalClients"),
  completed: numberIn(row, "CompletedClients"),
  failed: numberIn(row, "FailedClients"),
  offline: numberIn(row, "OfflineClients"),
  unknown: numberIn(row, "UnknownClients"),
  expired: row["IsExpired"] === true,
});
