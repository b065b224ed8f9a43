/**
 * Reads a tenant's configuration and does nothing with it: every page of every list, and every item whose content stands
 * only in itself, twenty in a batch. What a program would do that is only after the bytes.
 */
import { atMost, inChunks } from "../../shared/kernel/concurrency.ts";
import type { ConfigurationType } from "../../shared/sync/catalogue/configuration-type.ts";

type Item = Readonly<Record<string, unknown>>;
type Page = { readonly value?: readonly Item[]; readonly "@odata.nextLink"?: string } & Item;

/** Reads one tenant, each request when there is a connection free. */
export type BareReading = (connections: Connections) => Promise<void>;
type Connections = <T>(work: () => Promise<T>) => Promise<T>;

/** A sync reads so many types at once. */
const perTenant = 6;
/** A host works on so many syncs at once: a batch of messages, and half of one more (host.json). */
const tenantsAtOnce = 24;

/** Reads tenants, with as many connections as Muster has. */
export async function bareReadings(readings: readonly BareReading[]): Promise<void> {
  const connections = atMost(perTenant * Math.min(readings.length, tenantsAtOnce));
  await Promise.all(readings.map((read) => read(connections)));
}

const partsOfBatch = 20;

/** What reads these types of a tenant. */
export function bareReading(
  graphUrl: string,
  token: string,
  types: readonly ConfigurationType[],
): BareReading {
  const ask = async (url: string, body?: object): Promise<Page> => {
    const answer = await fetch(url, {
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Page;
  };
  return async (connections) => {
    const pages = async (from: string | undefined, take: (items: readonly Item[]) => void) => {
      for (let url = from; url !== undefined; ) {
        const at = url;
        const page = await connections(() => ask(at));
        take(page.value ?? []);
        url = page["@odata.nextLink"];
      }
    };
    const details = async ({ graph, item, nested = [] }: ConfigurationType, ids: unknown[]) => {
      const requests = ids.map((id, at) => ({
        id: String(at),
        method: "GET",
        url: item.replace("{id}", encodeURIComponent(String(id))),
      }));
      const url = `${graphUrl}/${graph}/$batch`;
      const { responses } = await connections(() => ask(url, { requests }));
      for (const { status, body } of responses as { status: number; body: Item }[]) {
        if (status !== 200) throw new Error(`a part of ${url}: ${status}`);
        for (const { into } of nested)
          await pages(body[`${into}@odata.nextLink`] as string | undefined, () => undefined);
      }
    };
    await Promise.all(
      types.map(async (type) => {
        const ids: unknown[] = [];
        const take = (items: readonly Item[]) => ids.push(...items.map(({ id }) => id));
        await pages(`${graphUrl}/${type.graph}${type.list}`, take);
        if (type.contentIn !== "item") return;
        await Promise.all(inChunks(ids, partsOfBatch).map((part) => details(type, part)));
      }),
    );
  };
}
