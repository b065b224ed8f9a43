/**
 * The account that has signed in for a tenant: who it is, in a row; what it can do again without a person, in the
 * sealed cache; and a token for Graph whenever one is needed.
 */
import {
  type AuthenticationResult,
  type ICachePlugin,
  type INetworkModule,
  PublicClientApplication,
} from "@azure/msal-node";
import * as z from "zod";
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Blobs } from "../storage/blobs.ts";
import { tableNames } from "../storage/names.ts";
import type { Sealer } from "../storage/sealing.ts";
import { deleteRange, jsonOf, ofTenant, type Tables } from "../storage/tables.ts";
import { authorityOf, straightNetwork } from "./network.ts";
import { type Refusal, refusalIn, refusalOf } from "./refusal.ts";
import { type CacheOwner, cachesOf, TokenCache } from "./token-cache.ts";

/** What signing people in needs. */
export type SignInParts = {
  /** `https://login.microsoftonline.com`, or another cloud's, from the settings. */
  readonly authorityUrl: string;
  /** The app that people sign in with: it proves itself by nothing, and may be the app itself. */
  readonly clientId: string;
  /** The API that tokens are for: Graph's address. */
  readonly resource: string;
  /** Tells apart what one tenant's people sign in for: absent, its own configuration. */
  readonly purpose?: string;
  readonly tables: Tables;
  readonly blobs: Blobs;
  readonly sealer: Sealer;
  readonly clock: Clock;
};

/** Permissions as the sign-in service wants them: with the API that they are of. */
export const fullScopes = (
  { resource }: Pick<SignInParts, "resource">,
  scopes: readonly string[],
): string[] => scopes.map((scope) => `${resource}/${scope}`);

/** An account that has signed in. */
export type SignedInAccount = z.output<typeof SignedInAccount>;
export const SignedInAccount = z
  .object({
    tenantId: z.string(),
    objectId: z.string(),
    /** The user principal name, or what the tenant calls the account instead. */
    upn: z.string(),
    homeAccountId: z.string(),
  })
  .readonly();

/** What the row of an account says. */
const AccountRow = z.object({
  account: SignedInAccount,
  /** What was consented to, as it is asked for again. */
  scopes: z.array(z.string()),
  signedInAt: z.number(),
});
type AccountRow = z.output<typeof AccountRow>;
const keyFor = (purpose: string | undefined): string =>
  purpose === undefined ? "account" : `account-${purpose}`;

/** No token could be had for an account. Bears the names by which the Graph client judges it too. */
export class NoUserToken extends Error {
  readonly refusal: Refusal;
  readonly errorCode: string;
  readonly errorMessage: string;

  constructor(refusal: Refusal) {
    super(`no token for the account: ${refusal.words}`);
    this.name = "NoUserToken";
    this.refusal = refusal;
    this.errorCode = refusal.kind === "passing" ? "no_answer" : refusal.error;
    this.errorMessage = refusal.words;
  }
}

/** A token that is good for a while yet. */
type Kept = { readonly token: string; readonly signedInAt: Instant; readonly until: Instant };

/** Tokens are asked for anew so long before they end: a request may take its time. */
const marginMs = 5 * 60_000;
const maxKept = 500;

/** Accounts, one for each tenant. */
export class UserAccounts {
  readonly #parts: SignInParts;
  readonly #caches: TokenCache;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<string>>();

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#caches = new TokenCache(parts.blobs, parts.sealer);
  }

  /** The account of a tenant, or undefined when nobody has signed in: `token` gives one, or throws `NoUserToken`. */
  async of(tenantId: string) {
    const row = await this.#row(tenantId);
    if (row === undefined) return undefined;
    const { account, signedInAt, scopes: agreed } = row;
    const token = (fresh: boolean): Promise<string> => this.#token(row, fresh);
    /** Whether the account has signed in for these permissions: its tokens name no others. */
    const hasAgreedTo = (scopes: readonly string[]): boolean =>
      fullScopes(this.#parts, scopes).every((scope) => agreed.includes(scope));
    return { ...account, signedInAt, token, hasAgreedTo };
  }

  /** The permissions that a tenant's account has signed in for; none where nobody has. */
  async agreed(tenantId: string): Promise<string[]> {
    const row = await this.#row(tenantId);
    const prefix = `${this.#parts.resource}/`;
    return (row?.scopes ?? []).map((scope) => scope.slice(prefix.length));
  }

  /** Keeps a new sign-in; whoever had signed in for the tenant before is forgotten. */
  async keep(account: SignedInAccount, scopes: readonly string[], cache: string): Promise<void> {
    const { tenantId } = account;
    const before = await this.#row(tenantId);
    const owner = this.#owner(account);
    await this.#caches.change(owner, async () => ({ answer: undefined, text: cache }));
    const row: AccountRow = {
      account,
      scopes: [...scopes],
      signedInAt: this.#parts.clock.now(),
    };
    const columns = { account: JSON.stringify(row) };
    await this.#parts.tables.put(tableNames.signIns, {
      partitionKey: tenantId,
      rowKey: keyFor(this.#parts.purpose),
      ...columns,
    });
    if (before !== undefined && before.account.homeAccountId !== account.homeAccountId)
      await this.#caches.remove(this.#owner(before.account));
  }

  /** Forgets whoever has signed in for a tenant. Tokens that are out end by themselves, within the hour or so. */
  async remove(tenantId: string): Promise<void> {
    const row = await this.#row(tenantId);
    if (row !== undefined) await this.#caches.remove(this.#owner(row.account));
    await this.#parts.tables.remove(tableNames.signIns, tenantId, keyFor(this.#parts.purpose));
    this.#kept.delete(tenantId);
  }

  /** Whose cache it is: what is kept for one purpose is not mixed with what is for another. */
  #owner({ tenantId, homeAccountId }: SignedInAccount): CacheOwner {
    const { purpose } = this.#parts;
    return { tenantId, homeAccountId: purpose ? `${homeAccountId}.${purpose}` : homeAccountId };
  }

  async #row(tenantId: string): Promise<AccountRow | undefined> {
    const key = keyFor(this.#parts.purpose);
    const row = await this.#parts.tables.get(tableNames.signIns, tenantId, key);
    return row === undefined ? undefined : jsonOf(row, "account", AccountRow);
  }

  /** Many requests ask at once: they share an answer. */
  #token(row: AccountRow, fresh: boolean): Promise<string> {
    const { tenantId } = row.account;
    const kept = this.#kept.get(tenantId);
    const isGood =
      kept?.signedInAt === row.signedInAt && kept.until > this.#parts.clock.now() + marginMs;
    if (isGood && !fresh) return Promise.resolve(kept.token);
    const key = `${tenantId}|${row.signedInAt}`;
    const asking = this.#asking.get(key) ?? this.#ask(row).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(row: AccountRow): Promise<string> {
    const { account, scopes, signedInAt } = row;
    const result = await this.#caches.change(this.#owner(account), async (cache) => {
      const said = watched();
      const application = freshApplication(this.#parts, account.tenantId, { ...said, cache });
      try {
        const { homeAccountId } = account;
        const known = await application.app.getTokenCache().getAccountByHomeId(homeAccountId);
        if (known === null) throw new NoUserToken(nothingKept);
        const request = { account: known, scopes, forceRefresh: true };
        const answer = await application.app.acquireTokenSilent(request);
        return { answer, text: application.cache() };
      } catch (error) {
        if (error instanceof NoUserToken) throw error;
        throw new NoUserToken(said.refusal() ?? refusalOf(error));
      }
    });
    const until = result.expiresOn?.getTime() ?? 0;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(account.tenantId, { token: result.accessToken, signedInAt, until });
    return result.accessToken;
  }
}

const nothingKept: Refusal = {
  kind: "signInAgain",
  error: "no_tokens_found",
  codes: [],
  words: "what was kept of the sign-in is gone, or does not open any more",
};

// MSAL, made anew for every operation: an application that is used for two accounts mixes their caches.

/** The network, and what the service last said in place of tokens. */
export function watched(): {
  readonly network: INetworkModule;
  readonly refusal: () => Refusal | undefined;
} {
  let last: Refusal | undefined;
  const network: INetworkModule = {
    ...straightNetwork,
    async sendPostRequestAsync<T>(url: string, options?: object) {
      const answer = await straightNetwork.sendPostRequestAsync<T>(url, options);
      last = refusalIn(answer);
      return answer;
    },
  };
  return { network, refusal: () => last };
}

/** An application for one operation of one account, with the cache that it begins with and what became of it. */
export function freshApplication(
  { authorityUrl, clientId }: Pick<SignInParts, "authorityUrl" | "clientId">,
  tenantId: string,
  given: { readonly network: INetworkModule; readonly cache?: string | undefined },
): { readonly app: PublicClientApplication; readonly cache: () => string } {
  let text = given.cache ?? "";
  const cachePlugin: ICachePlugin = {
    beforeCacheAccess: async ({ tokenCache }) => {
      if (text !== "") tokenCache.deserialize(text);
    },
    afterCacheAccess: async ({ tokenCache, cacheHasChanged }) => {
      if (cacheHasChanged) text = tokenCache.serialize();
    },
  };
  const app = new PublicClientApplication({
    auth: { clientId, ...authorityOf(authorityUrl, tenantId) },
    system: { networkClient: given.network },
    cache: { cachePlugin },
  });
  return { app, cache: () => text };
}

/** Tokens of a person, and what MSAL would keep of them. */
export type Tokens = { readonly result: AuthenticationResult; readonly cache: string };

/** Deletes what is kept of sign-ins for a removed tenant, while `mayGoOn`; true when nothing is left. */
export async function purgeSignIns(
  { tables, blobs }: Pick<SignInParts, "tables" | "blobs">,
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  return (
    (await deleteRange(tables, tableNames.signIns, ofTenant(tenantId), mayGoOn)) &&
    blobs.deletePrefix(cachesOf(tenantId), mayGoOn)
  );
}
