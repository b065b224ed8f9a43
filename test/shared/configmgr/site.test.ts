/** Site codes, and the names of the queues that relays drain. */
import { expect, test } from "vitest";
import { queueName } from "../../../relay/muster/site-queue.ts";
import { SiteCode, siteQueueName } from "../../../shared/configmgr/site.ts";

const tenantId = "6f3c2a10-0000-4000-8000-000000000001";

test.each([
  ["p01", "P01"],
  ["ABC", "ABC"],
])("%s is a site code", (text, code) => {
  expect(SiteCode.parse(text)).toBe(code);
});

test.each(["", "P", "P012", "P-1", "../"])("%j is none", (text) => {
  expect(SiteCode.safeParse(text).success).toBe(false);
});

test("a queue's name is legal, differs by tenant and site, and does not tell the tenant's id", () => {
  const name = siteQueueName(tenantId, "P01");
  expect(name).toMatch(/^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}$/);
  expect(name).not.toContain(tenantId.slice(0, 8));
  expect(siteQueueName(tenantId, "P02")).not.toBe(name);
  expect(siteQueueName(tenantId.replace("1", "2"), "P01")).not.toBe(name);
});

test("the relay and Muster call a site's queue by the same name", () => {
  expect(queueName(tenantId.toUpperCase(), "P01")).toBe(siteQueueName(tenantId, "P01"));
});
