/** Lists of devices that take more than one request, or are for more than one customer. */
import type * as z from "zod";
import { decide } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, created, ok, type Reply } from "../../shared/http/reply.ts";
import { inParallel } from "../../shared/kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../shared/kernel/failure.ts";
import { takeDevices, takeFile } from "../../shared/registration/check-list.ts";
import {
  BeginQuery,
  CustomerList,
  CustomersReport,
  DeviceList,
  maxListBytes,
  PartPath,
  PartVerdict,
  RegistrationPath,
  RegistrationView,
  ReportPath,
  SubmitParts,
} from "../../shared/registration/contract.ts";
import {
  keepReport,
  type ReportedCustomer,
  readReport,
  reportOf,
} from "../../shared/registration/customers-report.ts";
import { openList, putPart, submitList } from "../../shared/registration/list-in-parts.ts";
import {
  registrationIdOf,
  type Share,
  sharesOfDevices,
  sharesOfFile,
} from "../../shared/registration/many-customers.ts";
import { type OwnTags, refusedTag } from "../../shared/registration/own-tags.ts";
import { viewOf } from "../../shared/registration/read-registrations.ts";
import {
  chooseBackEnd,
  type RegistrationParts,
  registerDevices,
} from "../../shared/registration/register-devices.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = {
  readonly register: RegistrationParts;
  readonly ownTags: OwnTags;
  readonly storage: Pick<Storage, "blobs">;
};

const partsOf = ({ services: { register, storage } }: Tools<Needs>) => ({
  ...register,
  blobs: storage.blobs,
});
const pathOf = (tenantId: string, registrationId: string): string =>
  `/api/v1/tenants/${tenantId}/registrations/${registrationId}`;

export const openRegistrationListFunction = onHttp(
  operation({
    name: "registration-lists-open",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registration-lists",
    summary: "Open a list of devices that comes in parts",
    tag: "Registrations",
    idempotent: true,
    params: TenantPath,
    answers: {
      201: {
        description: "Open for a day from its latest part",
        body: RegistrationPath.pick({ registrationId: true }),
        headers: ["Location"],
      },
    },
  }),
  async ({ params: { tenantId }, seed: registrationId }, tools: Tools<Needs>) => {
    const opened = await openList(partsOf(tools), { tenantId, registrationId });
    if (!opened.ok) return opened;
    signedInOf(tools).note({ object: `registration/${registrationId}`, after: { registrationId } });
    return succeed(created(pathOf(tenantId, registrationId), { registrationId }));
  },
);

export const putRegistrationPartFunction = onHttp(
  operation({
    name: "registration-lists-part",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/registration-lists/{registrationId}/parts/{listPart}",
    summary: "Hand in a part of a list; the same number again replaces it",
    tag: "Registrations",
    params: PartPath,
    body: DeviceList,
    file: { type: "text/csv", maxBytes: maxListBytes },
    answers: { 200: { description: "What was found of it", body: PartVerdict } },
  }),
  async (
    { params: { tenantId, registrationId, listPart: part }, body, file },
    tools: Tools<Needs>,
  ) => {
    const { note } = signedInOf(tools);
    note({ object: `registration/${registrationId}/part/${part}`, after: {} });
    const tags = await tools.services.ownTags.of(tenantId);
    const taken =
      file === undefined
        ? succeed(takeDevices(body ?? { devices: [] }, tags))
        : await takeFile(file, undefined, tags);
    if (!taken.ok) return taken;
    const put = await putPart(partsOf(tools), { tenantId, registrationId }, part, taken.value);
    if (!put.ok) return put;
    const { rows, acceptedRows, errors, warnings, findings } = taken.value.verdict;
    note({ after: { rows, acceptedRows, errors, warnings } });
    return succeed(ok({ part, rows, acceptedRows, errors, warnings, findings }));
  },
);

export const submitRegistrationListFunction = onHttp(
  operation({
    name: "registration-lists-submit",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registration-lists/{registrationId}/submit",
    summary: "Register a list whose parts are all there",
    tag: "Registrations",
    params: RegistrationPath,
    query: BeginQuery,
    body: SubmitParts,
    answers: {
      202: {
        description: "Taken; watch it at Location",
        body: RegistrationView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params, query, body }, tools: Tools<Needs>) => {
    const { caller, note } = signedInOf(tools);
    const { register, ownTags } = tools.services;
    const tags = await ownTags.of(params.tenantId);
    const wrong = refusedTag(query.defaultTag, tags, "/query/defaultTag");
    if (wrong !== undefined) return wrong;
    const { id: backEnd } = await chooseBackEnd(register, params.tenantId, query.backEnd);
    const wanted = { ...query, backEnd, partial: query.partial !== undefined };
    const sent = await submitList(partsOf(tools), params, body.parts, wanted, caller);
    if (!sent.ok) return sent;
    const { tenantId, registrationId } = params;
    const { state, rows } = sent.value;
    note({ object: `registration/${registrationId}`, after: { registrationId, state, rows } });
    tools.log("registration.submit-list", { tenantId, registrationId });
    const view = await viewOf(register, sent.value);
    return succeed(accepted(pathOf(tenantId, registrationId), view));
  },
);

type ManyNeeds = Needs & { readonly tenants: Pick<TenantRegistry, "get"> };
type Wanted = Omit<Parameters<typeof registerDevices>[3], "backEnd"> & {
  readonly backEnd?: z.output<typeof BeginQuery>["backEnd"];
};

/** Registers a customer's share; one that the caller may not register for looks like one that is not there. */
async function registerShare(
  tools: Tools<ManyNeeds>,
  { customer, take }: Share,
  seed: string,
  wanted: Wanted,
) {
  const { register, ownTags, tenants } = tools.services;
  const { caller, standing } = signedInOf(tools);
  const target = { kind: "tenant", tenantId: customer } as const;
  const may = decide(standing, "registration.submit", target);
  const isOpen = may.allowed && may.limits.kind === "all";
  if (!isOpen || !(await tenants.get(customer)).ok)
    return fail("unknown-tenant", `There is no tenant ${customer.slice(0, 64)}.`);
  const ids = { tenantId: customer, registrationId: registrationIdOf(seed, customer) };
  const tags = await ownTags.of(customer);
  const wrong = refusedTag(wanted.defaultTag, tags, "/query/defaultTag");
  if (wrong !== undefined) return wrong;
  const { id: backEnd } = await chooseBackEnd(register, customer, wanted.backEnd);
  return registerDevices(register, ids, () => take(tags), { ...wanted, backEnd }, caller);
}

const sharesAtOnce = 8;

/** What came of a customer's share, as the report has it. */
async function reportShare(
  tools: Tools<ManyNeeds>,
  share: Share,
  seed: string,
  wanted: Wanted,
): Promise<ReportedCustomer> {
  const { customer, rows } = share;
  const about = { customer: customer.slice(0, 64), rows };
  const sent = await registerShare(tools, share, seed, wanted);
  if (sent.ok) return { ...about, registration: await viewOf(tools.services.register, sent.value) };
  const { code, detail, faults } = sent.failure;
  return { ...about, code, detail, ...(faults && { errors: [...faults] }) };
}

/** Each is looked up, and told of in the answer. */
const maxCustomers = 500;
const tooMany = fail(
  "invalid-request",
  `A list is for ${maxCustomers} customers at most. Nothing was sent: take it apart.`,
);

export const submitManyRegistrationsFunction = onHttp(
  operation({
    name: "registrations-submit-many",
    method: "POST",
    path: "api/v1/registrations",
    summary: "Register a list of devices that names the customer of each",
    tag: "Registrations",
    idempotent: true,
    query: BeginQuery,
    body: CustomerList,
    file: { type: "text/csv", maxBytes: maxListBytes },
    answers: {
      200: {
        description: "A registration for each customer, or why there is none",
        body: CustomersReport,
      },
    },
  }),
  async ({ query, body, file, seed }, tools: Tools<ManyNeeds>): Promise<Result<Reply>> => {
    const { note } = signedInOf(tools);
    note({ after: {} });
    const shares =
      file === undefined ? sharesOfDevices(body ?? { devices: [] }) : await sharesOfFile(file);
    if (!shares.ok) return shares;
    if (shares.value.length > maxCustomers) return tooMany;
    const wanted = { ...query, partial: query.partial !== undefined };
    const customers = await inParallel(shares.value, sharesAtOnce, (share) =>
      reportShare(tools, share, seed, wanted),
    );
    await keepReport(partsOf(tools), seed, customers, signedInOf(tools).caller);
    note({ object: `registration-report/${seed}`, after: { customers: customers.length } });
    return succeed(ok(reportOf(seed, customers)));
  },
);

export const getRegistrationReportFunction = onHttp(
  operation({
    name: "registration-reports-get",
    method: "GET",
    path: "api/v1/registrations/{reportId}",
    summary: "Show what became of a list for many customers, of those that you may read",
    tag: "Registrations",
    params: ReportPath,
    answers: { 200: { description: "The report as it is now", body: CustomersReport } },
  }),
  async ({ params: { reportId } }, tools: Tools<Needs>) => {
    const { caller, standing } = signedInOf(tools);
    const mayRead = (tenantId: string): boolean => {
      const may = decide(standing, "registration.read", { kind: "tenant", tenantId });
      return may.allowed && may.limits.kind === "all";
    };
    const report = await readReport(partsOf(tools), reportId, caller, mayRead);
    return report.ok ? succeed(ok(report.value)) : report;
  },
);
