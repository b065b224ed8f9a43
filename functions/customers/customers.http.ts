/** Customers as a partner sees them: what ties each to the partner, and which ways into Autopilot that opens. */
import * as z from "zod";
import { tenantsWith } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { type Result, succeed } from "../../shared/kernel/failure.ts";
import {
  CustomerChange,
  type Customers,
  CustomerView,
} from "../../shared/registration/partner/customers.ts";
import { type Tenant, TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly tenants: TenantRegistry; readonly customers: Customers };

const customer = { 200: { description: "The customer", body: CustomerView } } as const;
const inCustomers = { tag: "Customers", params: TenantPath, answers: customer } as const;

const tenantOf = async ({ tenants }: Needs, tenantId: string): Promise<Result<Tenant>> => {
  const found = await tenants.get(tenantId);
  return found.ok ? succeed(found.value.tenant) : found;
};

/** Each costs a read of its own. */
const maxTop = 100;

export const listCustomersFunction = onHttp(
  operation({
    name: "customers-list",
    method: "GET",
    path: "api/v1/customers",
    summary: "List customers, with what ties each to the partner as it was last read",
    tag: "Customers",
    query: z.strictObject({
      ...PageQuery,
      top: z.coerce.number().int().min(1).max(maxTop).default(50),
    }),
    answers: { 200: { description: "A page of customers", body: pageOf(CustomerView) } },
  }),
  async ({ query: { top, pageToken }, url }, tools: Tools<Needs>) => {
    const { tenants, customers } = tools.services;
    const reached = tenantsWith(signedInOf(tools).standing, "relationships.read");
    const list = `customers ${reached === undefined ? "" : "in reach"}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const page = await tenants.list(reached, top, position.value);
    const items = await Promise.all(page.items.map((tenant) => customers.show(tenant)));
    return succeed(ok(pageBody(url, list, { ...page, items })));
  },
);

export const getCustomerFunction = onHttp(
  operation({
    ...inCustomers,
    name: "customers-get",
    method: "GET",
    path: "api/v1/customers/{tenantId}",
    summary: "Show a customer, with the routes that are open and what others lack",
  }),
  async ({ params: { tenantId } }, { services }: Tools<Needs>) => {
    const tenant = await tenantOf(services, tenantId);
    return tenant.ok ? succeed(ok(await services.customers.show(tenant.value))) : tenant;
  },
);

export const checkCustomerFunction = onHttp(
  operation({
    ...inCustomers,
    name: "customers-check",
    method: "POST",
    path: "api/v1/customers/{tenantId}/check",
    summary: "Read anew, at Partner Center and Graph, what ties a customer to the partner",
  }),
  async ({ params: { tenantId } }, tools: Tools<Needs>) => {
    const tenant = await tenantOf(tools.services, tenantId);
    if (!tenant.ok) return tenant;
    const view = await tools.services.customers.check(tenant.value);
    noted(tools, view);
    return succeed(ok(view));
  },
);

export const changeCustomerFunction = onHttp(
  operation({
    ...inCustomers,
    name: "customers-change",
    method: "PUT",
    path: "api/v1/customers/{tenantId}",
    summary: "Note what can be read nowhere: another kind of partner, a consent to an OEM",
    body: CustomerChange,
  }),
  async ({ params: { tenantId }, body }, tools: Tools<Needs>) => {
    const tenant = await tenantOf(tools.services, tenantId);
    if (!tenant.ok) return tenant;
    const view = await tools.services.customers.change(tenant.value, body);
    noted(tools, view);
    return succeed(ok(view));
  },
);

function noted(tools: Tools<Needs>, { tenantId, partnerKind, relationship, routes }: CustomerView) {
  const { reseller, delegation, oemConsent } = relationship;
  const open = Object.entries(routes).flatMap(([route, { allowed }]) => (allowed ? [route] : []));
  signedInOf(tools).note({
    object: `customer/${tenantId}`,
    after: { partnerKind, reseller, delegation: delegation?.status, oemConsent, open },
  });
}
