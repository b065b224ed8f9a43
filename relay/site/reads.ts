/** Reads from AdminService: lists and single objects, in the shapes that Microsoft documents or that are known to work. */
import { setTimeout as sleep } from "node:timers/promises";
import { type OutsideBody, plainText } from "../../shared/kernel/outside-text.ts";
import { pathBelow, wholeLink } from "../../shared/kernel/values.ts";
import { recordOf, type SiteAnswer, saysWhat, type Transport, wordsOf } from "./transport.ts";

/** The site could not be read now. */
export class SiteUnreadable extends Error {}

/** An object of the site's. */
export type Row = Readonly<Record<string, unknown>>;

/** Reading. @throws SiteUnreadable when the site does not answer, or not what was asked for. */
export type OdataReader = ReturnType<typeof odataReader>;

const notFound = 404;
const maxReads = 3;
const rereadMs = 200;

/** More pages than any list of a site has: paging that does not end. */
const maxPages = 1000;

/** Reads over a transport, whose requests go below `base`. */
export function odataReader(transport: Transport, base: string) {
  const read = readerOver(transport);
  return {
    /**
     * A list. A page that is none, such as a proxy's, is no empty list: whoever looks for an own operation in it
     * would start it again, and an inventory would end in the middle.
     */
    list: async (path: string): Promise<readonly Row[]> => {
      const rows: Row[] = [];
      const asked = new Set<string>();
      for (let page: string | undefined = path; page !== undefined; ) {
        asked.add(page);
        const { status, body: given } = await read(page);
        const { body } = wordsOf(given);
        const found = rowsIn(body);
        if (status === notFound || found === undefined)
          throw new SiteUnreadable(`${saysWhat(status, given)}, and no list`);
        for (const row of found) rows.push(row);
        page = nextPage(base, page, body);
        if (page !== undefined && (asked.has(page) || asked.size >= maxPages))
          throw new SiteUnreadable("the site's pages do not end");
      }
      return rows;
    },
    /** One object by its key; undefined when there is none. */
    one: async (path: string): Promise<Row | undefined> => {
      const answer = await read(path);
      const { status } = answer;
      const { body, reason } = wordsOf(answer.body);
      const denies = reason !== undefined && denied.test(reason);
      if (status === notFound && body.kind !== "foreign" && !denies) return undefined;
      if (status === notFound || body.kind !== "object" || reason !== undefined)
        throw new SiteUnreadable(`${saysWhat(status, answer.body)}, and no object`);
      const rows = rowsIn(body);
      return rows === undefined ? body.fields : rows[0];
    },
  };
}

/** AdminService answers 404 for a missing right as well, and says so: what may not be seen may well be there. */
const denied = /denied|unauthori[sz]ed|not authori[sz]ed|forbidden|permission/i;

/** Reads, and reads again after a stumble. What is not there is an answer. */
const readerOver =
  (transport: Transport) =>
  async (path: string): Promise<SiteAnswer & { kind: "answer" }> => {
    for (let reads = 1; ; reads += 1) {
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && (isSuccess(answer.status) || answer.status === notFound))
        return answer;
      if (reads >= maxReads) throw new SiteUnreadable(failureWords(answer));
      await sleep(rereadMs * reads);
    }
  };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const failureWords = (answer: SiteAnswer): string =>
  answer.kind === "lost" ? answer.why : saysWhat(answer.status, answer.body);

/** The rows of a list, wrapped as OData does. */
function rowsIn(body: OutsideBody): readonly Row[] | undefined {
  const value = body.kind === "object" ? body.fields["value"] : undefined;
  return Array.isArray(value) ? value.map(recordOf) : undefined;
}

/** Where a list goes on, below the base; our credentials go nowhere else. */
function nextPage(base: string, asked: string, body: OutsideBody): string | undefined {
  const link = body.kind === "object" ? body.fields["@odata.nextLink"] : undefined;
  if (typeof link !== "string" || link === "") return undefined;
  const whole = wholeLink(link, base + asked);
  const path = pathBelow(base, whole);
  if (path === undefined)
    throw new SiteUnreadable(
      `the site says that its list goes on at ${plainText(whole, 200)}, which is not below ${base}`,
    );
  return path;
}

/** Whether a property that is 1, 0 or nothing says yes; some sites write it as a Boolean. */
export const isSet = (value: unknown): boolean => value === true || value === 1;

/** A system that is still there: neither replaced by a newer record nor taken out of service. */
export const isPresent = (row: Row): boolean =>
  !isSet(row["Obsolete"]) && !isSet(row["Decommissioned"]);

/** A number of a row; 0 when it has none. */
export function numberIn(row: Row, name: string): number {
  const value = Number(row[name]);
  return Number.isFinite(value) ? value : 0;
}
