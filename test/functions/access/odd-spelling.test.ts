/**
 * Another tenant's id in every spelling that an address allows: none opens what the plain one does not. Each spelling is
 * tried at some operations, and each operation in some spellings: reading the id, and asking whose it is, happens in
 * one place for all of them.
 */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { pathWith } from "./attack/document.ts";
import { nowhere } from "./attack/inhabited.ts";
import { said } from "./attack/said.ts";
import {
  requestsAbout,
  startTwoTenants,
  type TwoTenants,
  withTenant,
} from "./attack/two-tenants.ts";
import { adminToken } from "./door.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let two: TwoTenants;
beforeAll(async () => {
  two = await startTwoTenants();
});
afterAll(() => two.app.stop());

const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
/** Every character as a full-width one, which some comparisons take for the plain one. */
const wide = (text: string): string =>
  encodeURIComponent(
    Array.from(text, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)).join(""),
  );

/** Ways to write a tenant's id, in case that some part of the way takes it for another than the rest does. */
const spellings: readonly (readonly [string, (id: string, own: string) => string])[] = [
  ["in upper case", (id) => id.toUpperCase()],
  ["in braces", (id) => `{${id}}`],
  ["in encoded braces", (id) => `%7B${id}%7D`],
  ["in parentheses", (id) => `(${id})`],
  ["in quotes", (id) => `%22${id}%22`],
  ["between apostrophes", (id) => `'${id}'`],
  ["without dashes", (id) => id.replaceAll("-", "")],
  ["with a dot behind it", (id) => `${id}.`],
  ["with a space behind it", (id) => `${id}%20`],
  ["with a line break behind it", (id) => `${id}%0A`],
  ["with a zero byte behind it", (id) => `${id}%00`],
  ["with a parameter behind it", (id) => `${id};x=1`],
  ["with an encoded question mark behind it", (id) => `${id}%3F`],
  ["with an encoded hash behind it", (id) => `${id}%23`],
  ["with an encoded slash behind it", (id) => `${id}%2F`],
  ["with its first character encoded", (id) => hex(id.charAt(0)) + id.slice(1)],
  ["encoded as a whole", (id) => Array.from(id, hex).join("")],
  ["encoded twice", (id) => Array.from(id, (char) => hex(char).replace("%", "%25")).join("")],
  ["in full-width characters", wide],
  ["after a double slash", (id) => `/${id}`],
  ["after a step out of one's own", (id, own) => `${own}/../${id}`],
  ["after an encoded step out of one's own", (id, own) => `${own}/%2e%2e/${id}`],
  ["after an encoded path out of one's own", (id, own) => `${own}%2F..%2F${id}`],
  ["with backslashes out of one's own", (id, own) => `${own}%5C..%5C${id}`],
  ["beside one's own", (id, own) => `${own},${id}`],
];

/** Those of some operations that go with the nth spelling. */
const some = <T>(all: readonly T[], nth: number): T[] =>
  all.filter((_, at) => (at + nth) % inject("oneWalkIn") === 0);

describe("another tenant's id opens nothing, and tells nothing", () => {
  test.each(spellings)("%s", async (name, spell) => {
    const { app, mine, theirs, token } = two;
    const never = nowhere();
    const before = await app.stored();
    const nth = spellings.findIndex(([each]) => each === name);
    for (const operation of some(withTenant(app), nth)) {
      const at = (tenantId: string) =>
        pathWith(operation, { ...theirs.ids, tenantId: spell(tenantId, mine.tenantId) });
      const sent = requestsAbout(operation, theirs.ids, at(theirs.tenantId))[0] ?? { path: "" };
      const asAdministrator = { token: token("administrator") };
      const real = await app.call({ ...sent, ...asAdministrator });
      const made = await app.call({
        ...sent,
        path: at(never["tenantId"] ?? ""),
        ...asAdministrator,
      });
      expect(spelled(real, theirs.tenantId, spell)).toEqual(
        spelled(made, never["tenantId"] ?? "", spell),
      );
      expect([400, 403, 404, 405], operation.id).toContain(real.status);
    }
    expect(await app.stored()).toEqual(before);
  });
});

/** What was said, with the tenant's id replaced in whatever spelling it comes back. */
function spelled(
  answer: Parameters<typeof said>[0],
  id: string,
  spell: (id: string, own: string) => string,
) {
  const written = spell(id, two.mine.tenantId);
  return said(answer, {
    written,
    decoded: decodeURIComponent(written),
    upper: id.toUpperCase(),
    id,
  });
}

test("one's own tenant's id means one's own tenant in upper case and with a slash behind it", async () => {
  const { app, mine, token } = two;
  const ask = (id: string) =>
    app.call({ path: `/api/v1/tenants/${id}`, token: token("administrator") });
  const plain = await ask(mine.tenantId);
  expect(plain.status).toBe(200);
  for (const id of [mine.tenantId.toUpperCase(), `${mine.tenantId}/`])
    expect((await ask(id)).text).toBe(plain.text);
});

const oddIds: readonly string[] = [
  "%23",
  "%5C",
  "%3F",
  "%2F",
  "%00",
  "%0A",
  "%7F",
  "'",
  "a%2Fb",
  "..%5Cb",
  "x".repeat(70),
];

test.each(oddIds)(
  "an id that no key of storage can hold, %s, is refused as such wherever an id stands",
  async (odd) => {
    const { app, mine } = two;
    const ids = { ...mine.ids, roleId: "partner", assignmentId: "none" };
    // A part's number is no id, and an item's key is its name, which is in no key of storage.
    const noIds = ["part", "key"];
    for (const operation of some(app.operations, oddIds.indexOf(odd)))
      for (const name of operation.pathParameters.filter((each) => !noIds.includes(each))) {
        const { method, takesBody } = operation;
        const path = pathWith(operation, { ...ids, [name]: odd });
        const answer = await app.call({
          method,
          path,
          token: adminToken,
          ...(takesBody && { body: {} }),
        });
        expect([answer.status, answer.body["errors"]], `${operation.id} {${name}}`).toMatchObject([
          400,
          [{ pointer: `/path/${name}` }],
        ]);
      }
  },
);
