/** What the relay reads from AdminService, in the shapes that Microsoft documents or that are known to work. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Counts } from "./outcomes.ts";
import { messageIn, recordOf, type SiteAnswer, type Transport } from "./transport.ts";

/** An operation as the site lists it; `targets` is undefined where the site does not tell. */
export type SiteOperation = {
  readonly id: number;
  readonly targets: readonly number[] | undefined;
};

/** The site could not be read now. */
export class SiteUnreadable extends Error {}

/** The site's AdminService, for reading. */
export type SiteReader = ReturnType<typeof siteReader>;

/** Reads from AdminService over a transport. @throws SiteUnreadable when it does not answer. */
export function siteReader(transport: Transport) {
  const read = readerOver(transport);
  const rows = async (path: string): Promise<readonly Row[]> => rowsIn((await read(path)).body);
  return {
    rows,
    ...operationsReader(rows),
    /** The exit code of a script on a device; undefined until the device has reported. */
    scriptExitCode: async (id: number, resourceId: number): Promise<number | undefined> => {
      const filter = `ClientOperationId eq ${id} and ResourceId eq ${resourceId}`;
      const [row] = await rows(`/wmi/SMS_ScriptsExecutionStatus?$filter=${filter}`);
      return row && numberIn(row, "ScriptExitCode");
    },
    /** Whether a device has answered a CMPivot query, and how. */
    pivotResult: async (id: number, resourceId: number): Promise<"none" | "done" | "failed"> => {
      const path = `/v1.0/Device(${resourceId})/AdminService.CMPivotResult(OperationId=${id})`;
      const answer = await read(path);
      if (answer.status === notFound) return "none";
      return "Error" in recordOf(recordOf(answer.body)["value"]) ? "failed" : "done";
    },
  };
}

const notFound = 404;

const maxReads = 3;
const rereadMs = 200;

/** Reads, and reads again after a stumble. What is not there is an answer. */
const readerOver =
  (transport: Transport) =>
  async (path: string): Promise<SiteAnswer & { kind: "answer" }> => {
    for (let reads = 1; ; reads += 1) {
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && (answer.status < 300 || answer.status === notFound))
        return answer;
      if (reads >= maxReads) throw new SiteUnreadable(troubleOf(answer));
      await sleep(rereadMs * reads);
    }
  };

const troubleOf = (answer: SiteAnswer): string =>
  answer.kind === "lost"
    ? answer.why
    : `the site answers ${answer.status}: ${messageIn(answer.body)}`;

const operationsReader = (rows: (path: string) => Promise<readonly Row[]>) => ({
  /** The highest number of any operation above `after`. */
  latestOperation: async (after: number): Promise<number> => {
    const path = `/wmi/SMS_ClientOperation?$filter=ID gt ${after}&$select=ID`;
    return (await rows(path)).reduce((most, row) => Math.max(most, numberIn(row, "ID")), after);
  },
  /** Operations of a type above `after` and not older than `since`, with their targets; not those `known`. */
  operationsAfter: async (
    { after, type, since }: { after: number; type: number; since: number },
    known: ReadonlySet<number>,
  ): Promise<SiteOperation[]> => {
    const filter = `ID gt ${after} and PrimaryActionType eq ${type}`;
    const found: SiteOperation[] = [];
    for (const row of await rows(`/wmi/SMS_ClientOperation?$filter=${filter}`)) {
      const id = numberIn(row, "ID");
      if (known.has(id) || Date.parse(String(row["RequestedTime"])) < since) continue;
      // A lazy property: only the operation by itself shows whom it is for.
      const [whole] = await rows(`/wmi/SMS_ClientOperation(${id})`);
      const targets = whole?.["TargetResourceIDs"];
      found.push({ id, targets: Array.isArray(targets) ? targets.map(Number) : undefined });
    }
    return found;
  },
  /** The counts of an operation; undefined when the site has forgotten it. */
  status: async (id: number): Promise<(Counts & { readonly expired: boolean }) | undefined> => {
    const [row] = await rows(`/wmi/SMS_ClientOperationStatus(${id})`);
    return row && countsIn(row);
  },
});

type Row = Readonly<Record<string, unknown>>;

const countsIn = (row: Row) => ({
  total: numberIn(row, "TotalClients"),
  completed: numberIn(row, "CompletedClients"),
  failed: numberIn(row, "FailedClients"),
  offline: numberIn(row, "OfflineClients"),
  unknown: numberIn(row, "UnknownClients"),
  expired: row["IsExpired"] === true,
});

/** Rows of an answer: a list wrapped as OData does, or one object by itself. */
function rowsIn(body: unknown): readonly Row[] {
  const { value, ...rest } = recordOf(body);
  if (Array.isArray(value)) return value.map(recordOf);
  return "ID" in rest ? [rest] : [];
}

function numberIn(row: Row, name: string): number {
  const value = Number(row[name]);
  return Number.isFinite(value) ? value : 0;
}
