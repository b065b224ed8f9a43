/** Two tenants with one of everything, and callers who have business with the first alone. */
import { type AttackApp, type Raw, startAttackApp } from "./app.ts";
import { bodiesAbout } from "./bodies.ts";
import { type Described, pathWith } from "./document.ts";
import { demandApprovals, type Ids, type Inhabited, inhabit } from "./inhabited.ts";

/** Who tries, by how far their roles in the first tenant go. */
export type Name = "administrator" | "limited" | "scanner" | "partner" | "nobody";

/** Starts the app and fills it. */
export async function startTwoTenants() {
  const app = await startAttackApp();
  await demandApprovals(app);
  const mine = await inhabit(app, 0, "AAA");
  const theirs = await inhabit(app, 100, "BBB");
  const { tenantId } = mine;
  const whole = { kind: "tenants", tenantIds: [tenantId] } as const;
  const collections = [{ tenantId, collectionId: mine.collections[0] }];
  const part = { kind: "collections", collections } as const;
  const holders = {
    administrator: await app.holder("fullAdministrator", whole),
    limited: await app.holder("fullAdministrator", part),
    scanner: await app.holder("endpointProtectionManager", part),
    partner: await app.holder("partner", whole),
    nobody: await app.holder("partner"),
  } satisfies Record<Name, unknown>;
  return { app, mine, theirs, token: (name: Name) => holders[name].token };
}

export type TwoTenants = Awaited<ReturnType<typeof startTwoTenants>>;

/** The operations about a tenant. */
export const withTenant = ({ operations }: AttackApp) =>
  operations.filter(({ pathParameters }) => pathParameters.includes("tenantId"));

/** Everything that can be asked about some ids with one operation: in both formats, and only for a try. */
export function requestsAbout(
  operation: Described,
  ids: Ids,
  path = pathWith(operation, ids),
): readonly Raw[] {
  const { id, method, takesBody, queryParameters } = operation;
  if (!takesBody && method === "GET")
    return [
      { method, path },
      { method, path, headers: [["accept", "text/csv"]] },
    ];
  if (!takesBody) return [{ method, path }];
  const bodies = bodiesAbout[id]?.(ids);
  if (bodies === undefined) throw new Error(`${id}: no test knows a body for it`);
  const paths = queryParameters.includes("dryRun") ? [path, `${path}?dryRun=true`] : [path];
  return bodies.flatMap((body) => paths.map((each) => ({ method, path: each, body })));
}

/** What is stored of a tenant: every line that names it or something in it, unless it names the other one. */
export async function storedOf(app: AttackApp, one: Inhabited, other: Inhabited) {
  const { ids, devices, collections, notifications, approvals } = one;
  const { part: _, siteCode: __, ...own } = ids;
  const names = [...Object.values(own), ...devices, ...collections, ...notifications, ...approvals];
  return (await app.stored()).filter(
    (line) => names.some((name) => line.includes(name)) && !line.includes(other.tenantId),
  );
}
