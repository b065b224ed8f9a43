/**
 * Partner Center over HTTP, in the partner's name: one request, always with an answer that has been judged. First, pure,
 * what an answer means, and what a batch's status says; then the connection. Nothing here retries, but for a token that was
 * refused: a write that may have been done is made again by whoever owns it, with the same request id.
 *
 * Only what has the shape of Partner Center's own answers is its word; another answer is somebody's in between.
 */
import * as z from "zod";
import { type Clock, retryAfterToMs } from "../kernel/clock.ts";
import {
  bodyOf,
  foreignWords,
  type OutsideBody,
  plainText,
  reasonIn,
  reasonOf,
} from "../kernel/outside-text.ts";
import { randomId } from "../kernel/values.ts";

/** What an answer means. */
export type PartnerAnswer =
  | { readonly kind: "ok"; readonly body: unknown; readonly location?: string }
  | PartnerRefusal;

/** Anything but yes, with the id by which Partner Center's support finds the call, where it gave one. */
type PartnerRefusal = {
  readonly trace?: string;
} /** Surely not done; the next time it may be. `throttled`: everybody of the customer waits. */ & (
  | {
      readonly kind: "later";
      readonly throttled: boolean;
      readonly afterMs?: number;
      readonly why: string;
    }
  /** A final no, with our code for it and what helps. */
  | {
      readonly kind: "refused";
      readonly reason: RefusalReason;
      readonly code: string;
      readonly why: string;
    }
  /** It may have been done. */
  | { readonly kind: "unclear"; readonly why: string }
);

/** Why it refuses, as far as it makes a difference. */
export type RefusalReason = keyof typeof advice | "missing" | "exists" | "other";

/** What helps against a refusal. */
export const advice = {
  noRelationship: "check the customer: the answer has the link to send to its administrator",
  noAccess:
    "the signed-in account may not do this: it has to be an admin agent or a sales agent of the partner, signed in with a second factor",
  noMfa:
    "Partner Center takes no sign-in without a second factor: require one of the account, then sign in again at POST /api/v1/partner/sign-in",
  notSignedIn: "sign in for Partner Center at POST /api/v1/partner/sign-in",
  agreement: "the partner has to accept its agreement at Partner Center first",
  region: "the partner is not enrolled for the customer's region",
} as const;

/** Partner Center's numbers, as far as they say more than a status does. A closed list. */
const reasons: Readonly<Record<string, RefusalReason>> = {
  "1002": "noRelationship",
  "20002": "noRelationship",
  "2030": "region",
  "900150": "noAccess",
  "900123": "agreement",
  "900124": "agreement",
  "900421": "noMfa",
};
const byStatus: Readonly<Record<number, RefusalReason>> = {
  401: "noAccess",
  403: "noAccess",
  404: "missing",
  409: "exists",
};
/** What a front answers when those behind it were too slow or broke: it may have been done. */
const unsure: ReadonlySet<number> = new Set([408, 500, 502, 504]);
const busy: ReadonlySet<number> = new Set([429, 503]);

type RawAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
};

/** Judges an answer. */
export function judge(raw: RawAnswer, now: number): PartnerAnswer {
  const judged = meaningOf(raw, now);
  if (judged.kind === "ok") return judged;
  const trace = traceIn(raw.headers);
  return trace === undefined ? judged : { ...judged, trace };
}

/** Of a call the first is its own; the second is that of all calls which make one write. */
function traceIn(headers: Headers): string | undefined {
  const name = ["MS-CorrelationId", "MS-RequestId"].find((each) => headers.has(each));
  return name && `${name} ${plainText(headers.get(name) ?? "", maxTraceChars)}`;
}
const maxTraceChars = 40;

function meaningOf({ status, headers, body: text }: RawAnswer, now: number): PartnerAnswer {
  const body = bodyOf(text);
  if (status >= 200 && status < 300) return taken(body, status, headers.get("location"));
  const error = errorIn(body);
  const why = error === undefined ? `HTTP ${status}` : `${error.code}: ${error.words}`;
  if (busy.has(status)) {
    const afterMs = retryAfterToMs(headers.get("retry-after"), now);
    const wait = afterMs === undefined ? {} : { afterMs };
    return { kind: "later", throttled: status === 429, ...wait, why };
  }
  const isUnclear = error === undefined && status !== 401;
  if (isUnclear || unsure.has(status) || status > 501) return unclear(status, body, why);
  const reason = reasons[error?.code ?? ""] ?? byStatus[status] ?? "other";
  return { kind: "refused", reason, code: error?.code ?? "none", why };
}

function taken(body: OutsideBody, status: number, location: string | null): PartnerAnswer {
  if (body.kind === "foreign") return unclear(status, body, `HTTP ${status}`);
  return {
    kind: "ok",
    body: body.kind === "object" ? body.fields : undefined,
    ...(location === null ? {} : { location: location.slice(0, maxLocationChars) }),
  };
}
const maxLocationChars = 500;

function unclear(status: number, body: OutsideBody, why: string): PartnerAnswer {
  if (body.kind !== "foreign") return { kind: "unclear", why };
  const words = foreignWords(body.text);
  return { kind: "unclear", why: `HTTP ${status}, not in Partner Center's words: ${words}` };
}

/** Its errors are `{ code, description }`; the code is a number, or one in quotation marks. */
function errorIn(body: OutsideBody): { readonly code: string; readonly words: string } | undefined {
  if (body.kind !== "object") return undefined;
  const { code, description } = body.fields;
  if (typeof description !== "string") return undefined;
  if (typeof code !== "number" && typeof code !== "string") return undefined;
  return { code: plainText(String(code), 20), words: reasonIn(description) };
}

const guid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const statusPath = new RegExp(`(?:^|/)customers/(${guid})/batchJobStatus/(${guid})$`, "i");

/**
 * The job that a `Location` names, read by its names: it comes without the version, and whatever host it names is not asked.
 * Undefined where it is another customer's, or none.
 */
export function jobIn(location: string | undefined, tenantId: string): string | undefined {
  const path = URL.parse(location ?? "", "https://partner-center.invalid")?.pathname ?? "";
  const [, customer, job] = statusPath.exec(path) ?? [];
  return customer?.toLowerCase() === tenantId ? job?.toLowerCase() : undefined;
}

const text = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => String(value ?? ""));

/** What became of the devices of an upload, in the order in which they were handed in. */
const UploadStatus = z.object({
  status: text,
  devicesStatus: z
    .array(
      z.object({
        deviceId: text,
        serialNumber: text,
        productKey: text,
        status: text,
        errorCode: text,
        errorDescription: text,
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
});
export type DeviceStatus = z.output<typeof UploadStatus>["devicesStatus"][number];

const Batches = z.object({
  items: z.array(z.object({ id: z.string(), creationDate: z.string().nullish() })),
});

const BatchDevices = z.object({
  items: z.array(z.object({ serialNumber: text })),
  continuationToken: z.string().nullish(),
});

const Customer = z.object({ id: z.string(), relationshipToPartner: z.string().nullish() });

// The connection.

/** A token, or why there is none: `passing`, or what somebody has to do. */
export type PartnerToken =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "passing"; readonly why: string }
  | { readonly kind: "none"; readonly reason: "noMfa" | "notSignedIn"; readonly why: string };

/** What the client needs from outside. */
export type PartnerOptions = {
  /** `https://api.partnercenter.microsoft.com`, from the settings. */
  readonly baseUrl: string;
  /** A token of the partner's account; `fresh` after Partner Center refused the one before. */
  readonly token: (fresh: boolean) => Promise<PartnerToken>;
  readonly clock: Clock;
  readonly intercept: <T>(operation: string, call: () => Promise<T>) => Promise<T>;
  readonly timeoutMs: number;
};

/** One request; `path` is behind `/v1`. */
type Request = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** Names a write: with the same one it is done once. */
  readonly requestId?: string;
  /** What a page before said of the next one. */
  readonly continuation?: string | undefined;
};

/** An answer whose body is what it should be, or another one. */
export type Read<T> =
  | { readonly kind: "read"; readonly value: T }
  | Exclude<PartnerAnswer, { kind: "ok" }>;

const ofBatches = (tenantId: string): string => `/customers/${tenantId}/deviceBatches`;

/** Partner Center for all customers of the partner. */
export class PartnerCenter {
  readonly #options: PartnerOptions;

  constructor(options: PartnerOptions) {
    this.#options = options;
  }

  /** Makes a batch of devices; its name becomes their group tag. */
  createBatch(tenantId: string, batchId: string, devices: readonly object[], requestId: string) {
    const body = { batchId, devices };
    return this.#ask({ method: "POST", path: ofBatches(tenantId), body, requestId });
  }

  /** Adds devices to a batch. The address is built of its name: those that lists give lead nowhere. */
  addDevices(tenantId: string, batchId: string, devices: readonly object[], requestId: string) {
    const path = `${ofBatches(tenantId)}/${encodeURIComponent(batchId)}/devices`;
    return this.#ask({ method: "POST", path, body: devices, requestId });
  }

  /** What became of the devices of an upload. */
  async status(tenantId: string, job: string): Promise<Read<z.output<typeof UploadStatus>>> {
    return this.#read(`/customers/${tenantId}/batchJobStatus/${job}`, UploadStatus);
  }

  /** The customer's batches, by name, with the time of their creation where that is told. */
  async batches(tenantId: string): Promise<Read<ReadonlyMap<string, number | undefined>>> {
    const read = await this.#read(ofBatches(tenantId), Batches);
    if (read.kind !== "read") return read;
    const made = read.value.items.map(({ id, creationDate }) => {
      const at = Date.parse(creationDate ?? "");
      return [id, Number.isNaN(at) ? undefined : at] as const;
    });
    return { kind: "read", value: new Map(made) };
  }

  /** Serial numbers of a page of a batch, and what the next one is asked for with. */
  async devices(tenantId: string, batchId: string, token: string | undefined) {
    const path = `${ofBatches(tenantId)}/${encodeURIComponent(batchId)}/devices`;
    const read = await this.#read(path, BatchDevices, token);
    if (read.kind !== "read") return read;
    const { items, continuationToken } = read.value;
    const serialNumbers = items.map(({ serialNumber }) => serialNumber);
    return {
      kind: "read",
      value: { serialNumbers, next: continuationToken ?? undefined },
    } as const;
  }

  /** What a customer is to the partner: `reseller`, `none`, or another word of Partner Center's. */
  async relationship(tenantId: string): Promise<Read<string>> {
    const read = await this.#read(`/customers/${tenantId}`, Customer);
    if (read.kind !== "read") return read;
    return { kind: "read", value: plainText(read.value.relationshipToPartner ?? "none", 40) };
  }

  /** The link by which a customer's administrator accepts the partner. */
  async relationshipLink(): Promise<Read<string>> {
    const Link = z.object({ url: z.url({ protocol: /^https$/ }).max(2_000) });
    const read = await this.#read("/customers/relationshiprequests", Link);
    return read.kind === "read" ? { kind: "read", value: read.value.url } : read;
  }

  async #read<T>(path: string, schema: z.ZodType<T>, continuation?: string): Promise<Read<T>> {
    const answer = await this.#ask({ method: "GET", path, continuation });
    if (answer.kind !== "ok") return answer;
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return { kind: "read", value: parsed.data };
    return { kind: "unclear", why: "it is not Partner Center's answer" };
  }

  async #ask(request: Request): Promise<PartnerAnswer> {
    const until = AbortSignal.timeout(this.#options.timeoutMs);
    const first = await this.#askOnce(request, false, until);
    if (first.kind !== "refused" || first.reason !== "noAccess") return first;
    // Its token may be of before a role was given: nothing was done with it.
    return this.#askOnce(request, true, until);
  }

  async #askOnce(request: Request, fresh: boolean, until: AbortSignal): Promise<PartnerAnswer> {
    const { baseUrl, clock, intercept } = this.#options;
    const got = await this.#options.token(fresh);
    if (got.kind === "passing") return { kind: "later", throttled: false, why: got.why };
    if (got.kind === "none")
      return { kind: "refused", reason: got.reason, code: got.reason, why: got.why };
    const { method, path, body, requestId = randomId(), continuation } = request;
    try {
      return await intercept(`partnerCenter.${method}`, async () => {
        const response = await fetch(`${baseUrl}/v1${path}`, {
          method,
          headers: {
            authorization: `Bearer ${got.token}`,
            accept: "application/json",
            "ms-requestid": requestId,
            "ms-correlationid": randomId(),
            "ms-contract-version": "v1",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...(continuation === undefined ? {} : { "ms-continuationtoken": continuation }),
          },
          signal: until,
          // Neither our token nor the customer's devices are anybody else's business.
          redirect: "manual",
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const { status, headers } = response;
        return judge({ status, headers, body: await response.text() }, clock.now());
      });
    } catch (error) {
      return { kind: "unclear", why: reasonOf(error) };
    }
  }
}
