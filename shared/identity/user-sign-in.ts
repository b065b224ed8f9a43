/**
 * A person signs in for a tenant: by a code that they type on any device, or in a browser. Both ways wait in a row, so
 * that any worker can go on with them, and both come to the same end: the account is looked at, and kept or refused.
 *
 * Nothing secret is in a row in clear, in an answer, in words or in a log: not the code of the device, not the verifier
 * that goes with a browser's code, no token.
 */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";
import { plainText } from "../kernel/outside-text.ts";
import { digest } from "../kernel/values.ts";
import { tableNames } from "../storage/names.ts";
import { jsonOf, numberOf, type StoredRow, textOf } from "../storage/tables.ts";
import {
  fullScopes,
  SignedInAccount,
  type SignInParts,
  type Tokens,
  UserAccounts,
} from "./accounts.ts";
import type { Refusal } from "./refusal.ts";
import { canRefresh } from "./token-cache.ts";

/** A role of Entra's, by the template id that is the same in every tenant. */
const DirectoryRole = z.object({ templateId: z.string(), name: z.string() }).readonly();
export type DirectoryRole = z.output<typeof DirectoryRole>;

/** Who wants somebody signed in, and as what. */
export type SignInRequest = {
  readonly tenantId: string;
  /** Permissions by their names: `RoleManagementPolicy.ReadWrite.Directory`. */
  readonly scopes: readonly string[];
  /** Roles that the account must have: of each row any one. */
  readonly roles: readonly (readonly DirectoryRole[])[];
  /** After this nobody is waited for. */
  readonly deadline: Instant;
  /** Who asked; comes back with the end. */
  readonly askedBy: string;
  /** What for, such as the id of a sync; comes back with the end. */
  readonly reference: string;
};

/** How a sign-in ended. */
export type SignInEnd = z.output<typeof SignInEnd>;
const SignInEnd = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("signedIn"),
    account: SignedInAccount,
    /** Template ids of the account's roles. */
    directoryRoles: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
  /** Somebody signed in whom we do not want. Nothing is kept; another may try, with a new code. */
  z.object({
    kind: z.literal("refused"),
    why: z.enum(["wrongTenant", "rolesMissing"]),
    words: z.string(),
  }),
  z.object({
    kind: z.literal("ended"),
    why: z.enum(["declined", "expired", "blocked", "failed", "withdrawn"]),
    /** `AADSTS53003`, or OAuth's name where there is no number. */
    code: z.string(),
    words: z.string(),
    /** What the service said, where it said something. */
    refusal: z.custom<Refusal>().optional(),
  }),
]);

/** The ways in which a row waits for somebody. */
type Means = "device" | "browser" | "consent";

/** What waits, as its row has it. */
export type Waiting = {
  readonly tenantId: string;
  readonly id: string;
  readonly means: Means;
  readonly scopes: readonly string[];
  readonly roles: SignInRequest["roles"];
  readonly askedBy: string;
  readonly reference: string;
  /** Nobody is waited for any more from then on. */
  readonly expiresAt: Instant;
  /** What only the next step may see. */
  readonly sealed: string;
  /** A device may not be asked about before. */
  readonly nextAt: Instant;
  readonly intervalMs: number;
  readonly end?: SignInEnd;
};

const Asked = z.object({
  means: z.enum(["device", "browser", "consent"]),
  scopes: z.array(z.string()),
  roles: z.array(z.array(DirectoryRole)),
  askedBy: z.string(),
  reference: z.string(),
});

/** What has ended is kept for whoever still asks; then the next sign-in of the tenant clears it away. */
const keepMs = 24 * 3600 * 1000;
const mostCleared = 100;

/** Rows of what waits for a person. */
export class WaitingStore {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  /** Begins to wait; `secret` is sealed into the row. */
  async begin(waiting: Omit<Waiting, "sealed">, secret: unknown): Promise<void> {
    await this.#clear(waiting.tenantId);
    const sealed = await this.#parts.sealer.seal(JSON.stringify(secret), identityOf(waiting));
    await this.#parts.tables.insert(tableNames.signIns, toRow({ ...waiting, sealed }));
  }

  /** What waits under an id, with the etag that the next step must present. */
  async get(tenantId: string, id: string): Promise<{ waiting: Waiting; etag: string } | undefined> {
    const row = await this.#parts.tables.get(tableNames.signIns, tenantId, id);
    const waiting = row === undefined ? undefined : fromRow(row);
    return row === undefined || waiting === undefined ? undefined : { waiting, etag: row.etag };
  }

  /** The sealed part; undefined when it was altered, moved, or sealed by a key that is gone. */
  async open<T>(waiting: Waiting, schema: z.ZodType<T>): Promise<T | undefined> {
    const opened = await this.#parts.sealer.open(waiting.sealed, identityOf(waiting));
    if (opened.kind !== "opened") return undefined;
    return schema.parse(JSON.parse(opened.plain.toString()));
  }

  /** Takes the next step; false when somebody else took one. */
  async replace(waiting: Waiting, etag: string): Promise<boolean> {
    const written = await this.#parts.tables.replace(tableNames.signIns, toRow(waiting), etag);
    return written !== undefined;
  }

  /** Ends the wait, once: whoever comes second is told the first end. */
  async end(waiting: Waiting, end: SignInEnd): Promise<SignInEnd> {
    for (;;) {
      const now = await this.get(waiting.tenantId, waiting.id);
      if (now === undefined) return end;
      if (now.waiting.end !== undefined) return now.waiting.end;
      if (await this.replace({ ...now.waiting, sealed: "", end }, now.etag)) return end;
    }
  }

  async #clear(tenantId: string): Promise<void> {
    const old = this.#parts.clock.now() - keepMs;
    const where = `expiresAt lt ${old}.0`;
    const range = { partition: tenantId, where, select: [] };
    const { rows } = await this.#parts.tables.page(tableNames.signIns, range, mostCleared);
    const keys = rows.map(({ rowKey }) => rowKey);
    await this.#parts.tables.removeRows(tableNames.signIns, tenantId, keys);
  }
}

const identityOf = ({ tenantId, id, means }: Pick<Waiting, "tenantId" | "id" | "means">) => [
  tableNames.signIns,
  tenantId,
  id,
  means,
];

const toRow = (waiting: Waiting) => {
  const { tenantId, id, expiresAt, sealed, nextAt, intervalMs, end, ...asked } = waiting;
  return {
    partitionKey: tenantId,
    rowKey: id,
    asked: JSON.stringify(asked),
    expiresAt,
    sealed,
    nextAt,
    intervalMs,
    ...(end === undefined ? {} : { end: JSON.stringify(end) }),
  };
};

/** Undefined for what else lies in the partition. */
function fromRow(row: StoredRow): Waiting | undefined {
  const asked = jsonOf(row, "asked", Asked);
  const end = jsonOf(row, "end", SignInEnd);
  return (
    asked && {
      ...asked,
      tenantId: row.partitionKey,
      id: row.rowKey,
      expiresAt: numberOf(row, "expiresAt"),
      sealed: textOf(row, "sealed"),
      nextAt: numberOf(row, "nextAt"),
      intervalMs: numberOf(row, "intervalMs"),
      ...(end === undefined ? {} : { end }),
    }
  );
}

// The state that goes out with a browser, and must come back with it. Only its digest is kept.

const statePattern = /^([0-9a-f]{32})\.([\w-]{43})$/;

/** Makes a state: chance, and where its row is. */
export const newState = (tenantId: string): string =>
  `${tenantId.replaceAll("-", "")}.${randomBytes(32).toString("base64url")}`;

/** Where the row of a state is; undefined when it is none of ours. Its tenant is believed when the row is there. */
export function rowOfState(
  state: string,
): { readonly tenantId: string; readonly id: string } | undefined {
  const hex = statePattern.exec(state)?.[1];
  if (hex === undefined) return undefined;
  const tenantId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { tenantId, id: `state-${digest(state)}` };
}

// What becomes of tokens, or of their absence.

/** May do everything that any role may. */
const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10";

/** Looks at who has signed in, and keeps the account, or refuses it with words and keeps nothing. */
export async function settle(
  parts: SignInParts,
  { tenantId, roles, scopes }: Pick<Waiting, "tenantId" | "roles" | "scopes">,
  { result, cache }: Tokens,
): Promise<SignInEnd> {
  const claims = result.idTokenClaims as Readonly<Record<string, unknown>>;
  const upn = textIn(claims, "preferred_username") || textIn(claims, "upn") || "the account";
  const signedInTo = textIn(claims, "tid").toLowerCase();
  if (signedInTo !== tenantId)
    return {
      kind: "refused",
      why: "wrongTenant",
      words: `${upn} signed in to the tenant ${signedInTo}, not to ${tenantId}; sign in with an account of this tenant`,
    };
  const has = rolesIn(claims, result.accessToken);
  const missing = has.includes(globalAdministrator)
    ? []
    : roles.filter((any) => !any.some(({ templateId }) => has.includes(templateId)));
  if (missing.length > 0)
    return {
      kind: "refused",
      why: "rolesMissing",
      words: `${upn} lacks ${missing.map(namesOf).join("; and ")}; activate what is missing, or sign in with another account`,
    };
  const { objectId, homeAccountId } = idsOf(claims, result);
  if (objectId === "" || !/^[\w.-]{1,200}$/.test(homeAccountId) || !canRefresh(cache))
    return failed("incomplete", "the sign-in service left out who signed in, or a refresh token");
  const account = { tenantId, objectId, upn, homeAccountId };
  await new UserAccounts(parts).keep(account, fullScopes(parts, scopes), cache);
  const warnings = has.includes(globalAdministrator)
    ? [`${upn} is a Global Administrator: an account with only the roles that are needed is safer`]
    : [];
  return { kind: "signedIn", account, directoryRoles: has, warnings };
}

const idsOf = (claims: Readonly<Record<string, unknown>>, { account }: Tokens["result"]) => ({
  objectId: textIn(claims, "oid"),
  homeAccountId: account?.homeAccountId ?? "",
});

function textIn(claims: Readonly<Record<string, unknown>>, name: string): string {
  const claim = claims[name];
  return typeof claim === "string" ? plainText(claim, maxClaimChars) : "";
}
const maxClaimChars = 200;

const namesOf = (any: readonly DirectoryRole[]): string =>
  `the role ${any.map(({ name }) => name).join(" or ")}`;

/**
 * Entra writes the roles into Graph's tokens always, and into an ID token where the app's registration says so. We
 * read no more of the access token than this, and only it says nothing.
 */
function rolesIn(claims: Readonly<Record<string, unknown>>, accessToken: string): string[] {
  const roles = claims["wids"] ?? payloadOf(accessToken)["wids"];
  return Array.isArray(roles) ? roles.map((role) => String(role).toLowerCase()) : [];
}

function payloadOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Whoever issues tokens may seal them: then they say nothing to us.
    return {};
  }
}

/** An end without tokens. */
export const failed = (code: string, words: string): SignInEnd => ({
  kind: "ended",
  why: "failed",
  code,
  words,
});

/** Nobody came in time. */
export const tooLate: SignInEnd = {
  kind: "ended",
  why: "expired",
  code: "expired",
  words: "nobody signed in in time",
};

/** There is nothing under this id or state, it has been used, or it is of another kind. */
export const unknownSignIn = failed(
  "unknown-sign-in",
  "this sign-in is over, or was never begun; begin a new one",
);

/** What the service's refusal ends a sign-in with. */
export function endBy(refusal: Refusal): SignInEnd {
  const [number] = refusal.codes;
  const code = number === undefined ? refusal.error : `AADSTS${number}`;
  const why = whyOf(refusal);
  const advice = why === "blocked" ? `${blockedAdvice} (${refusal.words})` : refusal.words;
  return { kind: "ended", why, code, words: plainText(advice, maxWordsChars), refusal };
}

const maxWordsChars = 500;
const blockedAdvice =
  "a policy of the tenant lets this sign-in through nowhere; where it blocks device codes, sign in with a browser instead";

const declinedBy: ReadonlySet<string> = new Set(["authorization_declined", "consent_declined"]);
const declinedCode = 65_004;

function whyOf({ error, codes, kind }: Refusal): Extract<SignInEnd, { kind: "ended" }>["why"] {
  if (declinedBy.has(error) || codes.includes(declinedCode)) return "declined";
  if (error === "expired_token" || error === "code_expired") return "expired";
  return kind === "blocked" ? "blocked" : "failed";
}

// A browser that comes back: nothing but its state is believed.

/** What a callback's address says. Everything but the state is only passed on. */
export type CallbackQuery = {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
};

/** What came back, and for whom; without a tenant where the state is none of ours. */
export type Returned<End> = {
  readonly end: End;
  readonly for?: Pick<Waiting, "tenantId" | "askedBy" | "reference"> & {
    readonly signInId: string;
  };
};

/** How long a state is good for. */
export const stateMs = 15 * 60_000;

/**
 * Uses up a state. Two who come at once with the same one: one of them is told that it has been used. A worker that
 * dies right after this has used it up, too; the person begins anew.
 */
export async function takeState(
  parts: SignInParts,
  store: WaitingStore,
  state: string | undefined,
  means: Waiting["means"],
): Promise<{ readonly waiting: Waiting } | { readonly end: SignInEnd }> {
  const place = state === undefined ? undefined : rowOfState(state);
  const found = place && (await store.get(place.tenantId, place.id));
  if (found?.waiting.means !== means) return { end: unknownSignIn };
  const { waiting, etag } = found;
  // Whoever has it again learns nothing about how it went.
  if (waiting.end !== undefined || waiting.nextAt === usedUp) return { end: unknownSignIn };
  if (parts.clock.now() >= waiting.expiresAt) return { end: await store.end(waiting, tooLate) };
  const isOurs = await store.replace({ ...waiting, nextAt: usedUp }, etag);
  return isOurs ? { waiting } : { end: unknownSignIn };
}

/** In place of the moment to ask next: the state has been used. */
const usedUp = 8_640_000_000_000_000;

/** For whom a wait was. */
export const purposeOf = ({ tenantId, askedBy, reference, id }: Waiting) => ({
  tenantId,
  askedBy,
  reference,
  signInId: id,
});
