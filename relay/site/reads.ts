/** Reads from AdminService: lists and single objects, in the shapes that Microsoft documents or that are known to work. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageIn, recordOf, type SiteAnswer, type Transport } from "./transport.ts";

/** The site could not be read now. */
export class SiteUnreadable extends Error {}

/** An object of the site's. */
export type Row = Readonly<Record<string, unknown>>;

/** Reading. @throws SiteUnreadable when the site does not answer, or not what was asked for. */
export type SiteReads = ReturnType<typeof siteReads>;

const notFound = 404;
const maxReads = 3;
const rereadMs = 200;

/** Reads over a transport. */
export function siteReads(transport: Transport) {
  const read = readerOver(transport);
  return {
    /**
     * A list. A page that is none, such as a proxy's, is no empty list: whoever looks for an own operation in it
     * would start it again, and an inventory would end in the middle.
     */
    list: async (path: string): Promise<readonly Row[]> => {
      const { status, body } = await read(path);
      const rows = rowsIn(body);
      if (status === notFound || rows === undefined)
        throw new SiteUnreadable(`the site answers ${status} without a list`);
      return rows;
    },
    /** One object by its key; undefined when there is none. */
    one: async (path: string): Promise<Row | undefined> => {
      const { status, body } = await read(path);
      if (status === notFound) return undefined;
      if (typeof body !== "object" || body === null)
        throw new SiteUnreadable(`the site answers ${status} without an object`);
      const rows = rowsIn(body);
      return rows === undefined ? recordOf(body) : rows[0];
    },
  };
}

/** Reads, and reads again after a stumble. What is not there is an answer. */
const readerOver =
  (transport: Transport) =>
  async (path: string): Promise<SiteAnswer & { kind: "answer" }> => {
    for (let reads = 1; ; reads += 1) {
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && (isSuccess(answer.status) || answer.status === notFound))
        return answer;
      if (reads >= maxReads) throw new SiteUnreadable(troubleOf(answer));
      await sleep(rereadMs * reads);
    }
  };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const troubleOf = (answer: SiteAnswer): string =>
  answer.kind === "lost"
    ? answer.why
    : `the site answers ${answer.status}: ${messageIn(answer.body)}`;

/** The rows of a list, wrapped as OData does. */
function rowsIn(body: unknown): readonly Row[] | undefined {
  const { value } = recordOf(body);
  return Array.isArray(value) ? value.map(recordOf) : undefined;
}

/** A number of a row; 0 when it has none. */
export function numberIn(row: Row, name: string): number {
  const value = Number(row[name]);
  return Number.isFinite(value) ? value : 0;
}
