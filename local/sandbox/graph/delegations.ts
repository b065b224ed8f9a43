/**
 * What customers have delegated to the partner (GDAP), as Graph shows it in the partner's own tenant: the
 * relationships of each customer, as its behaviour has it.
 */
import type { DelegatedAdmin } from "../behaviour.ts";
import { seedOf } from "../fleet/chance.ts";
import { guidFamily } from "../fleet/guids.ts";
import type { Tenant } from "../fleet/tenants.ts";
import { delegationReader } from "../sign-in/directories.ts";
import type { State } from "../state.ts";
import { badRequest, graphError, type Traced } from "./errors.ts";
import { type GraphAnswer, ok } from "./exchange.ts";

const path =
  /^\/tenantRelationships\/delegatedAdminRelationships(?:\/([^/?]+)\/accessAssignments)?$/;

/** Entra's template ids. */
const intuneAdministrator = "3a2c62db-5318-420d-8d74-23affee5d9d5";
const directoryReaders = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b";

const statuses: Readonly<Record<Exclude<DelegatedAdmin, "none" | "twice">, string>> = {
  active: "active",
  approvalPending: "approvalPending",
  expired: "expired",
  expiring: "expiring",
  otherRole: "active",
  unassigned: "active",
};
const perPage = 300;
const yearMs = 365 * 24 * 3_600_000;

/** Answers for the partner's own tenant, of which Graph has nothing else here. */
export function answerDelegations(
  state: State,
  request: Traced & {
    readonly roles: readonly string[];
    readonly target: string;
    readonly origin: string;
  },
): GraphAnswer {
  const url = new URL(request.target, "http://sandbox");
  const found = path.exec(url.pathname);
  if (found === null) return badRequest(request, "Resource not found for the segment.");
  if (!request.roles.includes(delegationReader))
    return graphError(request, 403, "Forbidden", "Insufficient privileges.");
  const all = [...state.tenants.values()].flatMap((tenant) => relationshipsOf(state, tenant));
  const [, id] = found;
  if (id !== undefined) {
    const one = all.find((each) => each.id === id);
    if (one === undefined) return graphError(request, 404, "ResourceNotFound", "Not found.");
    return ok(JSON.stringify({ value: assignmentsOf(one) }));
  }
  const [top, skip] = [
    Number(url.searchParams.get("$top") ?? perPage),
    Number(url.searchParams.get("$skiptoken") ?? 0),
  ];
  if (!(top > 0 && top <= perPage)) return badRequest(request, "$top is at most 300.");
  const next = skip + top;
  const link = `${request.origin}/v1.0${url.pathname}?$top=${top}&$skiptoken=${next}`;
  return ok(
    JSON.stringify({
      "@odata.context": `${request.origin}/v1.0/$metadata#tenantRelationships/delegatedAdminRelationships`,
      ...(next < all.length ? { "@odata.nextLink": link } : {}),
      value: all.slice(skip, next).map(relationshipOf),
    }),
  );
}

/** A relationship, and how it stands. */
type Relationship = {
  readonly tenant: Tenant;
  readonly gdap: keyof typeof statuses;
  readonly id: string;
};

function relationshipsOf({ behaviour }: State, tenant: Tenant): readonly Relationship[] {
  const { gdap } = behaviour.of(tenant.id);
  if (gdap === "none") return [];
  const id = idOf(tenant, "gdap");
  if (gdap !== "twice") return [{ tenant, gdap, id }];
  const older = { tenant, gdap: "unassigned", id: idOf(tenant, "older gdap") } as const;
  return [older, { tenant, gdap: "active", id }];
}

const idOf = ({ id }: Tenant, which: string): string =>
  [1, 2].map((at) => guidFamily(seedOf(`${id} ${which}`)).at(at)).join("-");

const rolesOf = (gdap: Relationship["gdap"]) => [
  { roleDefinitionId: directoryReaders },
  ...(gdap === "otherRole" ? [] : [{ roleDefinitionId: intuneAdministrator }]),
];

const at = (time: number): string => new Date(time).toISOString();

function relationshipOf({ tenant, gdap, id }: Relationship): object {
  const status = statuses[gdap];
  const madeAt = tenant.past.madeAt;
  return {
    "@odata.etag": `W/"${seedOf(status)}"`,
    id,
    displayName: `Devices of ${tenant.displayName}`,
    duration: "P365D",
    autoExtendDuration: "PT0S",
    customer: { tenantId: tenant.id, displayName: tenant.displayName },
    accessDetails: { unifiedRoles: rolesOf(gdap) },
    status,
    createdDateTime: at(madeAt - yearMs),
    lastModifiedDateTime: at(madeAt),
    activatedDateTime: status === "approvalPending" ? null : at(madeAt),
    endDateTime:
      status === "approvalPending" ? null : at(status === "expired" ? madeAt - 1 : madeAt + yearMs),
  };
}

function assignmentsOf({ tenant, gdap }: Relationship): readonly object[] {
  if (gdap === "unassigned") return [];
  const group = guidFamily(seedOf(`${tenant.id} gdap`)).at(3);
  return [
    {
      "@odata.etag": 'W/"1"',
      id: guidFamily(seedOf(`${tenant.id} gdap`)).at(4),
      status: "active",
      accessContainer: { accessContainerId: group, accessContainerType: "securityGroup" },
      accessDetails: { unifiedRoles: rolesOf(gdap) },
    },
  ];
}
