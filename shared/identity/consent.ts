/**
 * Consent: what a tenant's administrator has let the app do, what is missing for what is to be done, and the address
 * at which they let it do that.
 */
import { plainText } from "../kernel/outside-text.ts";
import type { SignInParts } from "./accounts.ts";
import { type Refusal, refusalInAddress, refusalOf } from "./refusal.ts";
import {
  type CallbackQuery,
  newState,
  purposeOf,
  type Returned,
  rowOfState,
  stateMs,
  takeState,
  type Waiting,
  WaitingStore,
} from "./user-sign-in.ts";

/** Permissions that are needed, all of them; of each row any one will do. What for, in words or as a type's name. */
type NeededPermissions = {
  readonly need: readonly (readonly string[])[];
  readonly because: string;
};

/** Permissions of which one is missing. */
type MissingPermission = {
  /** The first is the one to ask for; any of the others will do. */
  readonly anyOf: readonly string[];
  readonly because: readonly string[];
};

/** What is needed and not granted, each once, with everything that it is needed for. */
export function missingPermissions(
  required: readonly NeededPermissions[],
  granted: readonly string[],
): MissingPermission[] {
  const missing = new Map<string, { anyOf: readonly string[]; because: string[] }>();
  for (const { need, because } of required)
    for (const anyOf of need) {
      if (anyOf.length === 0 || anyOf.some((name) => isCovered(name, granted))) continue;
      const key = anyOf.toSorted().join(" ").toLowerCase();
      const entry = missing.get(key) ?? { anyOf, because: [] };
      if (!entry.because.includes(because)) entry.because.push(because);
      missing.set(key, entry);
    }
  return [...missing.values()];
}

/** Whether something granted allows what a permission allows: the same, or the same with writing. */
function isCovered(needed: string, granted: readonly string[]): boolean {
  const wanted = needed.toLowerCase();
  const writing = wanted.replace(/\.read(basic)?(?=\.|$)/, ".readwrite");
  const reading = wanted.replace(/\.readbasic(?=\.|$)/, ".read");
  return granted.some((name) => [wanted, writing, reading].includes(name.toLowerCase()));
}

/** What a tenant has granted an app. */
type GrantedPermissions =
  | {
      readonly kind: "granted";
      /** To the app itself. */
      readonly application: readonly string[];
      /** For everybody's sake, by an administrator; undefined where the app may not read it. */
      readonly delegated: readonly string[] | undefined;
    }
  /** The tenant does not have the app, or it is disabled there. */
  | { readonly kind: "absent"; readonly words: string }
  /** Nobody can tell for now. */
  | { readonly kind: "unknown"; readonly words: string };

/** As much of the Graph room's client as is needed here, which is on the same floor. */
export type ReadsGraph = {
  readonly ask: (
    tenantId: string,
    version: "v1.0",
    request: { readonly method: "GET"; readonly path: string },
  ) => Promise<ReadAnswer>;
  readonly follow: (tenantId: string, nextLink: string) => Promise<ReadAnswer>;
};
type ReadAnswer = {
  readonly kind: string;
  readonly body?: unknown;
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string;
  readonly why?: string;
};

/** Graph's own id, in every cloud. */
const graphAppId = "00000003-0000-0000-c000-000000000000";
const mostPages = 50;

/**
 * Reads what a tenant has granted an app for Graph. Reading it takes a permission itself: without that, the app's own
 * token says what it may do, which is no older than the token.
 */
export async function grantedPermissions(
  graph: ReadsGraph,
  appToken: (tenantId: string, fresh: boolean) => Promise<string>,
  of: { readonly tenantId: string; readonly clientId: string },
): Promise<GrantedPermissions> {
  const { tenantId, clientId } = of;
  const read = reader(graph, tenantId);
  const app = await read.one(`/servicePrincipals(appId='${clientId}')?$select=id,accountEnabled`);
  if ("failed" in app) return withoutReading(app.failed, appToken, tenantId);
  if (app.value["accountEnabled"] === false)
    return { kind: "absent", words: "the app is disabled in the tenant" };
  const api = await read.one(`/servicePrincipals(appId='${graphAppId}')?$select=id,appRoles`);
  if ("failed" in api) return withoutReading(api.failed, appToken, tenantId);
  const [appId, apiId] = [String(app.value["id"]), String(api.value["id"])];
  const assigned = await read.all(`/servicePrincipals/${appId}/appRoleAssignments?$top=999`);
  if ("failed" in assigned) return withoutReading(assigned.failed, appToken, tenantId);
  const names = new Map(recordsOf(api.value["appRoles"]).map(({ id, value }) => [id, value]));
  const filter = encodeURIComponent(`clientId eq '${appId}' and consentType eq 'AllPrincipals'`);
  const grants = await read.all(`/oauth2PermissionGrants?$filter=${filter}`);
  const onGraph = (entries: readonly Entry[]) =>
    entries.filter(({ resourceId }) => resourceId === apiId);
  return {
    kind: "granted",
    application: onGraph(assigned.value).flatMap(({ appRoleId }) => textsOf(names.get(appRoleId))),
    delegated:
      "failed" in grants
        ? undefined
        : onGraph(grants.value).flatMap(({ scope }) => textsOf(scope).flatMap(wordsOf)),
  };
}

type Entry = Readonly<Record<string, unknown>>;
type Failed = { readonly failed: ReadAnswer };

/** Somebody in between may answer with JSON of their own, which says nothing of what is granted. */
const notGraph: ReadAnswer = { kind: "unclear", why: "it is not Graph's answer" };

const reader = (graph: ReadsGraph, tenantId: string) => ({
  async one(path: string): Promise<{ readonly value: Entry } | Failed> {
    const answer = await graph.ask(tenantId, "v1.0", { method: "GET", path });
    if (answer.kind !== "ok") return { failed: answer };
    const value = recordOf(answer.body);
    return typeof value["id"] === "string" ? { value } : { failed: notGraph };
  },
  async all(path: string): Promise<{ readonly value: readonly Entry[] } | Failed> {
    const found: Entry[] = [];
    let answer = await graph.ask(tenantId, "v1.0", { method: "GET", path });
    for (let page = 0; page < mostPages; page += 1) {
      if (answer.kind !== "ok") return { failed: answer };
      const body = recordOf(answer.body);
      if (!Array.isArray(body["value"])) return { failed: notGraph };
      found.push(...recordsOf(body["value"]));
      const next = body["@odata.nextLink"];
      if (typeof next !== "string") return { value: found };
      answer = await graph.follow(tenantId, next);
    }
    return { failed: { kind: "unclear", why: "the list does not end" } };
  },
});

const signInTells: ReadonlySet<Refusal["kind"]> = new Set(["app", "consent"]);

/** Graph did not say: no such app, no permission to look, or trouble that passes. */
async function withoutReading(
  answer: ReadAnswer,
  appToken: (tenantId: string, fresh: boolean) => Promise<string>,
  tenantId: string,
): Promise<GrantedPermissions> {
  const words = plainText(answer.message ?? answer.why ?? answer.kind, 300);
  if (answer.kind !== "refused") return { kind: "unknown", words };
  if (answer.reason === "notFound") return { kind: "absent", words };
  if (answer.reason !== "forbidden" && answer.reason !== "signedOut")
    return { kind: "unknown", words };
  try {
    const token = await appToken(tenantId, true);
    const roles = recordOf(payloadOf(token))["roles"];
    return {
      kind: "granted",
      application: Array.isArray(roles) ? roles.map(String) : [],
      delegated: undefined,
    };
  } catch (error) {
    const refusal = refusalOf(error);
    const kind = signInTells.has(refusal.kind) ? "absent" : "unknown";
    return { kind, words: refusal.words };
  }
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  } catch {
    // Not a token that one can read: then it says nothing.
    return undefined;
  }
}

const recordOf = (value: unknown): Entry =>
  typeof value === "object" && value !== null ? (value as Entry) : {};
const recordsOf = (value: unknown): Entry[] => (Array.isArray(value) ? value.map(recordOf) : []);
const textsOf = (value: unknown): string[] => (typeof value === "string" ? [value] : []);
const wordsOf = (text: string): string[] => text.split(" ").filter((word) => word !== "");

// Asking for consent, in the browser of the tenant's administrator.

/** Who asks for consent, and for which app. */
type ConsentRequest = Pick<Waiting, "tenantId" | "askedBy" | "reference"> & {
  /** The app itself, or the one that people sign in with, where they are two. */
  readonly clientId: string;
  /** Where the browser comes back to, exactly as the app's registration has it. */
  readonly redirectUri: string;
};

/** How it ended. Whether permissions are there now is read from the tenant: this only says that it is worth looking. */
export type ConsentEnd =
  | { readonly kind: "consented" }
  | {
      readonly kind: "declined" | "failed";
      readonly code: string;
      readonly words: string;
    };

/** The address for the tenant's administrator: everything that the app's registration lists is asked for. */
export async function beginConsent(
  parts: SignInParts,
  request: ConsentRequest,
): Promise<{ readonly url: string; readonly expiresAt: number }> {
  const { tenantId, clientId, redirectUri, ...rest } = request;
  const { authorityUrl, resource, clock } = parts;
  const state = newState(tenantId);
  const now = clock.now();
  const times = { expiresAt: now + stateMs, nextAt: now, intervalMs: 0 };
  const id = rowOfState(state)?.id ?? "";
  const asked = { scopes: [], roles: [], means: "consent" as const };
  await new WaitingStore(parts).begin({ ...rest, ...asked, ...times, tenantId, id }, {});
  const url = new URL(`${authorityUrl}/${tenantId}/v2.0/adminconsent`);
  const query = { client_id: clientId, scope: `${resource}/.default`, redirect_uri: redirectUri };
  for (const [name, value] of Object.entries({ ...query, state }))
    url.searchParams.set(name, value);
  return { url: url.href, expiresAt: times.expiresAt };
}

/**
 * An administrator's browser came back. `admin_consent=True` stands there after a refusal too, so the error comes
 * first; and the tenant that the address names can be anybody's invention: the state's row has the true one.
 */
export async function finishConsent(
  parts: SignInParts,
  query: CallbackQuery & { readonly admin_consent?: string | undefined },
): Promise<Returned<ConsentEnd>> {
  const taken = await takeState(parts, new WaitingStore(parts), query.state, "consent");
  if ("end" in taken) return { end: notOurs };
  return { end: consentEnd(query), for: purposeOf(taken.waiting) };
}

function consentEnd({
  error = "",
  error_description: description = "",
  admin_consent: consented = "",
}: Parameters<typeof finishConsent>[1]): ConsentEnd {
  if (error !== "") {
    const { codes, words, ...refusal } = refusalInAddress(error, description);
    const [number] = codes;
    const code = number === undefined ? refusal.error : `AADSTS${number}`;
    const isDeclined = codes.includes(declined) || refusal.error === "consent_declined";
    return { kind: isDeclined ? "declined" : "failed", code, words: words || code };
  }
  if (consented.toLowerCase() === "true") return { kind: "consented" };
  return { kind: "failed", code: "no-consent", words: "the browser came back without a consent" };
}

const declined = 65_004;
const notOurs: ConsentEnd = {
  kind: "failed",
  code: "unknown-sign-in",
  words: "this request for consent is over, or was never made; begin a new one",
};
