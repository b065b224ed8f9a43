/**
 * What became of one list for many customers, to be read as long as its registrations are kept: which registration each share
 * became, or why there is none, and counts that add up to the rows of the list. A customer's part is a blob of its own, so that
 * it goes when the customer does.
 */
import * as z from "zod";
import { personOf } from "../access/approvals/approval.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import type { Instant } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { Blobs } from "../storage/blobs.ts";
import type { CustomersReport, RegistrationView } from "./contract.ts";
import { findRegistration, viewOf } from "./read-registrations.ts";
import type { RegistrationParts } from "./register-devices.ts";

type Parts = RegistrationParts & { readonly blobs: Blobs };

const Share = z.object({
  customer: z.string(),
  rows: z.number(),
  registrationId: z.string().exactOptional(),
  code: z.string().exactOptional(),
  detail: z.string().exactOptional(),
});
type Share = Readonly<z.output<typeof Share>>;
/** Who handed the list in, and the shares of customers that are nobody's here. */
const Head = z.object({ by: z.string(), unknown: z.array(Share) });

/** A customer of a list: a registration, or the problem code why there is none. */
export type ReportedCustomer = z.output<typeof CustomersReport>["customers"][number];

const prefix = "registration-reports/";
const folderOf = (reportId: string): string => `${prefix}${reportId}/`;
const headPath = (reportId: string): string => `${folderOf(reportId)}head.json`;
const isTenantId = /^[0-9a-f-]{36}$/;
const nameOf = (caller: Caller): string => JSON.stringify(personOf(caller).principal);

/** Keeps a report; the same again changes nothing. */
export async function keepReport(
  { blobs }: Pick<Parts, "blobs">,
  reportId: string,
  customers: readonly ReportedCustomer[],
  caller: Caller,
): Promise<void> {
  const shares = customers.map(({ customer, rows, registration, code, detail }) => ({
    customer,
    rows,
    ...(registration && { registrationId: registration.registrationId }),
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
  }));
  for (const share of shares.filter((each) => !isNobodys(each)))
    await blobs.put(`${folderOf(reportId)}${share.customer}.json`, JSON.stringify(share));
  const head = { by: nameOf(caller), unknown: shares.filter(isNobodys) };
  await blobs.put(headPath(reportId), JSON.stringify(head));
}

const isNobodys = ({ customer, code }: Share): boolean =>
  code === "unknown-tenant" || !isTenantId.test(customer);

/** A report as it is now, of those customers that the caller may read; what is nobody's, only for whoever handed it in. */
export async function readReport(
  parts: Parts,
  reportId: string,
  caller: Caller,
  mayRead: (tenantId: string) => boolean,
): Promise<Result<z.output<typeof CustomersReport>>> {
  const head = await parts.blobs.get(headPath(reportId));
  const { by, unknown } = head ? Head.parse(JSON.parse(head.toString())) : nobodys;
  const tenantIds: string[] = [];
  await parts.blobs.removeWhere(
    folderOf(reportId),
    (path) => {
      const tenantId = path.slice(folderOf(reportId).length, -".json".length);
      if (isTenantId.test(tenantId) && mayRead(tenantId)) tenantIds.push(tenantId);
      return false;
    },
    () => true,
  );
  const isOwn = by === nameOf(caller);
  if (head === undefined || (tenantIds.length === 0 && !isOwn))
    return fail("unknown-registration", `There is no report ${reportId}.`);
  const read = await inParallel(tenantIds, concurrency, (id) => readShare(parts, reportId, id));
  return succeed(reportOf(reportId, [...read.flat(), ...(isOwn ? unknown : [])]));
}

const nobodys: z.output<typeof Head> = { by: "", unknown: [] };
const concurrency = 8;

async function readShare(
  parts: Parts,
  reportId: string,
  tenantId: string,
): Promise<ReportedCustomer[]> {
  const content = await parts.blobs.get(`${folderOf(reportId)}${tenantId}.json`);
  if (content === undefined) return [];
  const { registrationId, ...share } = Share.parse(JSON.parse(content.toString()));
  if (registrationId === undefined) return [share];
  const found = await findRegistration(parts, { tenantId, registrationId });
  return [
    found.ok
      ? { ...share, registration: await viewOf(parts, found.value) }
      : { ...share, code: found.failure.code, detail: "Its registration is not kept any more." },
  ];
}

const counted = [
  "waiting",
  "submitted",
  "registered",
  "failed",
  "notSubmitted",
  "cancelled",
  "unknown",
] as const satisfies readonly (keyof RegistrationView["counts"])[];

/** A report with its sum. Pure. */
export function reportOf(
  reportId: string,
  customers: readonly ReportedCustomer[],
): z.output<typeof CustomersReport> {
  const views = customers.flatMap(({ registration }) => registration ?? []);
  const sum = (of: (view: RegistrationView) => number): number =>
    views.reduce((all, view) => all + of(view), 0);
  const rows = customers.reduce((all, each) => all + each.rows, 0);
  const ofRegistrations = sum(({ counts }) => counts.total);
  return {
    reportId,
    final: views.every(({ final }) => final),
    summary: {
      customers: customers.length,
      rows,
      refused: rows - ofRegistrations,
      ...(Object.fromEntries(
        counted.map((name) => [name, sum(({ counts }) => counts[name])]),
      ) as Record<(typeof counted)[number], number>),
    },
    customers: [...customers],
  };
}

/** Forgets reports of before, or all of a customer that is removed. */
export async function expireReports(
  blobs: Blobs,
  what: { readonly before: Instant } | { readonly tenantId: string },
  mayGoOn: () => boolean,
): Promise<void> {
  const isOut = (path: string, at: Instant): boolean =>
    "before" in what ? at < what.before : path.endsWith(`/${what.tenantId}.json`);
  await blobs.removeWhere(prefix, isOut, mayGoOn);
}
