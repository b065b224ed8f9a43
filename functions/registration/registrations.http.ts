/** Registrations of devices into Windows Autopilot: a list is judged or handed in, followed, cancelled and repeated. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { invalidRequest } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { CsvQuery, PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, ok, ongoing, type Reply, streamed } from "../../shared/http/reply.ts";
import { type Result, succeed } from "../../shared/kernel/failure.ts";
import {
  checkDevices,
  checkFile,
  filesOf,
  takeDevices,
  takeFile,
} from "../../shared/registration/check-list.ts";
import {
  DeviceList,
  DeviceView,
  deviceOutcomes,
  ListVerdict,
  maxListBytes,
  RegistrationPath,
  RegistrationView,
  SubmitQuery,
} from "../../shared/registration/contract.ts";
import { type OwnTags, refusedTag } from "../../shared/registration/own-tags.ts";
import {
  devicesCsv,
  findRegistration,
  listDevices,
  listRegistrations,
  viewOf,
} from "../../shared/registration/read-registrations.ts";
import {
  changeRegistration,
  chooseBackEnd,
  type RegistrationParts,
  refreshRegistration,
  registerDevices,
  retryRegistration,
} from "../../shared/registration/register-devices.ts";
import type { Registration } from "../../shared/registration/state/registration.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly register: RegistrationParts; readonly ownTags: OwnTags };

const follow = {
  description: "Taken; watch it at Location",
  body: RegistrationView,
  headers: ["Location", "Retry-After"],
} as const;

/** The answer to whoever began or changed a registration; the trail says which, and of its devices nothing. */
async function followed(
  { services, log, ...tools }: Tools<Needs>,
  job: Registration,
  before?: string,
): Promise<Result<Reply>> {
  const { tenantId, jobId: registrationId, state, rows, sha256, backEnd, retryOf } = job;
  const about = { registrationId, state, backEnd, rows, sha256 };
  signedInOf(tools).note({
    object: `registration/${registrationId}`,
    ...(before === undefined ? {} : { before: { state: before } }),
    after: { ...about, ...(retryOf === undefined ? {} : { retryOf }) },
  });
  log("registration.change", { tenantId, registrationId, state });
  const location = `/api/v1/tenants/${tenantId}/registrations/${registrationId}`;
  return succeed(accepted(location, await viewOf(services.register, job)));
}

export const submitRegistrationFunction = onHttp(
  operation({
    name: "registrations-submit",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registrations",
    summary: "Register a list of devices; with dryRun=true only say what is wrong with it",
    tag: "Registrations",
    idempotent: true,
    params: TenantPath,
    query: SubmitQuery,
    body: DeviceList,
    file: { type: "text/csv", maxBytes: maxListBytes },
    answers: {
      200: { description: "What was found (dry run); nothing was sent", body: ListVerdict },
      202: follow,
    },
  }),
  async ({ params: { tenantId }, query, body, file, seed }, tools: Tools<Needs>) => {
    // What the caller sent stays out of the trail: serial numbers and hashes are the customer's.
    signedInOf(tools).note({ after: {} });
    if (file === undefined && query.repair !== undefined) return onlyFiles;
    const list = body ?? { devices: [] };
    const { register, ownTags } = tools.services;
    const tags = await ownTags.of(tenantId);
    const isCorporate = query.backEnd === "corporateIdentifiers";
    const take = () =>
      file === undefined
        ? Promise.resolve(succeed(takeDevices(list, tags)))
        : takeFile(file, query.repair, tags, isCorporate);
    const { defaultTag, partial } = query;
    const wrong = refusedTag(defaultTag, tags, "/query/defaultTag");
    if (wrong !== undefined) return wrong;
    const chosen = await chooseBackEnd(register, tenantId, query.backEnd);
    const { id: backEnd } = chosen;
    if (backEnd === "file") {
      if (query.dryRun === undefined) return sendsNothing;
      const tied = await register.customers.may(tenantId, backEnd);
      if (!tied.ok) return tied;
      const taken = await take();
      return taken.ok ? judged(tools, chosen, succeed(filesOf(taken.value))) : taken;
    }
    if (query.dryRun !== undefined) {
      const checked =
        file === undefined
          ? succeed(checkDevices(list, tags))
          : await checkFile(file, query.repair, tags, isCorporate);
      return judged(tools, chosen, checked);
    }
    const { caller } = signedInOf(tools);
    const wanted = { backEnd, defaultTag, partial: partial !== undefined };
    const ids = { tenantId, registrationId: seed };
    const sent = await registerDevices(register, ids, take, wanted, caller);
    return sent.ok ? followed(tools, sent.value) : sent;
  },
);

/** The answer to a dry run; the trail has its counts. */
function judged(
  tools: Tools,
  backEnd: Awaited<ReturnType<typeof chooseBackEnd>>,
  checked: Result<
    ReturnType<typeof checkDevices> & { readonly repaired?: unknown; readonly files?: unknown }
  >,
): Result<Reply> {
  if (!checked.ok) return checked;
  const { findings: _, ...counts } = {
    ...checked.value,
    repaired: undefined,
    files: undefined,
  };
  signedInOf(tools).note({ after: counts });
  return succeed(ok({ backEnd, ...checked.value }));
}

const sendsNothing = invalidRequest([
  { pointer: "/query/backEnd", detail: "file hands files back and sends nothing: add dryRun=true" },
]);

const onlyFiles = invalidRequest([
  { pointer: "/query/repair", detail: "is for files: JSON has nothing that could be repaired" },
]);

/** Each that is under way costs reads of its own. */
const maxTop = 50;

export const listRegistrationsFunction = onHttp(
  operation({
    name: "registrations-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/registrations",
    summary: "List a tenant's registrations, newest first",
    tag: "Registrations",
    params: TenantPath,
    query: z.strictObject({
      ...PageQuery,
      top: z.coerce.number().int().min(1).max(maxTop).default(20),
    }),
    answers: { 200: { description: "A page of registrations", body: pageOf(RegistrationView) } },
  }),
  async ({ params: { tenantId }, query: { top, pageToken }, url }, tools: Tools<Needs>) => {
    const list = `registrations ${tenantId}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const { register } = tools.services;
    const page = await listRegistrations(register, tenantId, { top, token: position.value });
    return succeed(ok(pageBody(url, list, page)));
  },
);

export const getRegistrationFunction = onHttp(
  operation({
    name: "registrations-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/registrations/{registrationId}",
    summary: "Show a registration with its counts",
    tag: "Registrations",
    params: RegistrationPath,
    answers: {
      200: { description: "The registration", body: RegistrationView, headers: ["Retry-After"] },
    },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { register } = tools.services;
    const found = await findRegistration(register, params);
    if (!found.ok) return found;
    const view = await viewOf(register, found.value);
    return succeed(ongoing(view, view.final ? "ended" : "slow"));
  },
);

export const listRegistrationDevicesFunction = onHttp(
  operation({
    name: "registrations-devices",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/registrations/{registrationId}/devices",
    summary: "List what became of each device; with Accept: text/csv all of them in one document",
    tag: "Registrations",
    params: RegistrationPath,
    query: z.strictObject({
      ...PageQuery,
      ...CsvQuery,
      outcome: z.enum(deviceOutcomes).optional(),
    }),
    answers: {
      200: { description: "A page of devices", body: pageOf(DeviceView), also: ["text/csv"] },
    },
  }),
  async ({ params, query: { outcome, top, pageToken, bom }, url, accept }, tools: Tools<Needs>) => {
    const { register } = tools.services;
    const found = await findRegistration(register, params);
    if (!found.ok) return found;
    if (accept.includes("text/csv")) {
      const document = devicesCsv(register, found.value, { outcome, bom });
      return succeed(streamed("text/csv; charset=utf-8", document));
    }
    const list = `registration ${params.registrationId} ${outcome ?? ""}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const wanted = { outcome, top, after: position.value };
    const page = await listDevices(register, found.value, wanted);
    return succeed(ok(pageBody(url, list, page)));
  },
);

/** An operation that changes a registration and answers with it as it is then. */
const changing = (change: "cancel" | "pause" | "resume", summary: string) =>
  onHttp(
    operation({
      name: `registrations-${change}`,
      method: "POST",
      path: `api/v1/tenants/{tenantId}/registrations/{registrationId}/${change}`,
      summary,
      tag: "Registrations",
      idempotent: true,
      params: RegistrationPath,
      answers: { 202: follow },
    }),
    async ({ params }, tools: Tools<Needs>) => {
      const changed = await changeRegistration(tools.services.register, params, change);
      return changed.ok ? followed(tools, changed.value.job, changed.value.before) : changed;
    },
  );

export const cancelRegistrationFunction = changing(
  "cancel",
  "Cancel what has not been sent; what the service has is followed to its end",
);
export const pauseRegistrationFunction = changing("pause", "Send nothing more until it is resumed");
export const resumeRegistrationFunction = changing("resume", "Go on where it was paused");

export const retryRegistrationFunction = onHttp(
  operation({
    name: "registrations-retry",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registrations/{registrationId}/retry",
    summary: "Register again what failed, as a new registration",
    tag: "Registrations",
    idempotent: true,
    params: RegistrationPath,
    answers: { 202: follow },
  }),
  async ({ params, seed }, tools: Tools<Needs>) => {
    const { caller } = signedInOf(tools);
    const retry = await retryRegistration(tools.services.register, params, seed, caller);
    return retry.ok ? followed(tools, retry.value) : retry;
  },
);

export const refreshRegistrationFunction = onHttp(
  operation({
    name: "registrations-refresh",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/registrations/{registrationId}/refresh",
    summary: "Look again at devices of which nobody knows what became of them",
    tag: "Registrations",
    params: RegistrationPath,
    answers: { 200: { description: "As it is now", body: RegistrationView } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { register } = tools.services;
    const found = await refreshRegistration(register, params);
    if (!found.ok) return found;
    signedInOf(tools).note({ object: `registration/${params.registrationId}` });
    return succeed(ok(await viewOf(register, found.value)));
  },
);
