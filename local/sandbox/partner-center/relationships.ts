/** Who is whose customer, and how a partner asks to become one. */
import type { Tenant } from "../fleet/tenants.ts";
import { homeTenantId } from "../sign-in/directories.ts";
import type { State } from "../state.ts";
import { collection, type PartnerHandler, refused } from "./exchange.ts";

const isReseller = (state: State, { id }: Tenant): boolean => state.behaviour.of(id).reseller;

const customerOf = (state: State, tenant: Tenant) => ({
  id: tenant.id,
  companyProfile: {
    tenantId: tenant.id,
    domain: tenant.domain,
    companyName: tenant.displayName,
    attributes: { objectType: "CustomerCompanyProfile" },
  },
  relationshipToPartner: isReseller(state, tenant) ? "reseller" : "none",
  attributes: { objectType: "Customer" },
});

/** `GET /customers`: those that a partner sells to. */
export const listCustomers: PartnerHandler = ({ state }) =>
  collection(
    [...state.tenants.values()]
      .filter((tenant) => isReseller(state, tenant))
      .map((tenant) => customerOf(state, tenant)),
  );

/** `GET /customers/{id}`. */
export const showCustomer: PartnerHandler = ({ state, tenant }) => {
  if (tenant === undefined || !isReseller(state, tenant))
    return refused(403, 20_002, "The partner has no sales relationship with the customer.");
  return {
    status: 200,
    body: { ...customerOf(state, tenant), allowDelegatedAccess: true },
  };
};

/** `GET /customers/relationshiprequests`: a link to send to a customer, whose administrator accepts by it. */
export const requestRelationship: PartnerHandler = ({ origin }) => ({
  status: 200,
  body: {
    url: `${origin}/?invType=ResellerRelationship&partnerId=${homeTenantId}&msppId=0&DAP=false`,
    attributes: { objectType: "CustomerRelationshipRequest" },
  },
});

/** `GET /applicationmfaadoptionstatus`. */
export const showMfa: PartnerHandler = () => ({
  status: 200,
  body: [
    {
      loginDate: new Date().toISOString().slice(0, 10),
      mfaCompliantRequestCount: 1,
      totalRequestCount: 1,
      applicationId: "33333333-3333-4333-8333-333333333333",
      applicationName: "Muster sign-in",
      attributes: { objectType: "ApplicationMFAAdoptionStatus" },
    },
  ],
});
