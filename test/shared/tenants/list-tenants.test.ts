/** Lists of tenants in pages, for those who reach all and those who reach some. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { PurgeStore } from "../../../shared/tenants/purge.ts";
import { cachedTenants, TenantRegistry, TenantStore } from "../../../shared/tenants/tenants.ts";
import { testStorage } from "../storage/open-storage.ts";

const { tables, queues } = await testStorage();
const store = new TenantStore(tables);
const clock = { now: () => Date.UTC(2026, 0, 1) };
const known = cachedTenants(store, clock);
const purges = new PurgeStore(tables);
const tenants = new TenantRegistry({ store, known, purges, queues, clock });

async function added(): Promise<string> {
  const tenantId = randomUUID();
  await tenants.add({ tenantId, displayName: "Contoso", pace: {} });
  return tenantId;
}

/** The ids of every page. */
async function pagesOf(reached: ReadonlySet<string> | undefined, top: number): Promise<string[][]> {
  const pages: string[][] = [];
  let position: string | undefined;
  do {
    const page = await tenants.list(reached, top, position);
    pages.push(page.items.map(({ tenantId }) => tenantId));
    position = page.next;
  } while (position !== undefined);
  return pages;
}

test("who reaches some tenants gets pages of those, in order, whatever lies between them", async () => {
  const mine: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    mine.push(await added());
    await added();
  }
  const inOrder = mine.toSorted();
  expect(await pagesOf(new Set(mine), 2)).toEqual([
    inOrder.slice(0, 2),
    inOrder.slice(2, 4),
    inOrder.slice(4),
  ]);
  expect(await pagesOf(new Set(mine), 5)).toEqual([inOrder]);
  expect((await pagesOf(undefined, 3)).flat()).toEqual(expect.arrayContaining(mine));
});

test("a tenant that is gone leaves a gap in its page, and nobody's list has one", async () => {
  const [one, gone] = [await added(), randomUUID()];
  expect((await pagesOf(new Set([one, gone]), 1)).flat()).toEqual([one]);
  expect(await pagesOf(new Set(), 10)).toEqual([[]]);
});
