/**
 * The partner's account at Partner Center, by Microsoft's secure application model: a person signs in once by device code, with
 * a second factor; what is kept of it gives tokens later on. A token that says it was given without one is not used:
 * Partner Center takes none.
 */
import { NoUserToken, type SignInParts, UserAccounts } from "../../identity/accounts.ts";
import { type SignIns, signIns } from "../../identity/sign-ins.ts";
import type { Instant } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { advice, type PartnerToken } from "../../partner-center/client.ts";

/** How a sign-in stands. */
export type PartnerSignIn = {
  readonly state: "pending" | "signedIn" | "refused";
  readonly signInId?: string;
  readonly userCode?: string;
  readonly verificationUri?: string;
  readonly retryAfterSeconds?: number;
  readonly account?: string;
  readonly detail?: string;
};

/** How the account stands, without its name: what the judgement needs. */
export type AccountState = "signedIn" | "notSignedIn" | "noMfa" | "off";

type Parts = {
  /** For Partner Center; undefined where it is not set, or nothing is there that seals what is kept. */
  readonly signIn: SignInParts | undefined;
  /** The partner's own tenant. */
  readonly tenantId: string | undefined;
};

/** The one scope that Partner Center has. */
const scope = "user_impersonation";
const signInMs = 15 * 60_000;
/** How long it is taken for granted who has signed in. */
const knownMs = 30_000;

type Account = NonNullable<Awaited<ReturnType<UserAccounts["of"]>>>;

/** The account. */
export class PartnerAccount {
  readonly #parts: Parts;
  readonly #accounts: UserAccounts | undefined;
  readonly #signIns: SignIns | undefined;
  #known: { readonly account: Account; readonly at: Instant } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#accounts = parts.signIn && new UserAccounts(parts.signIn);
    this.#signIns = parts.signIn && signIns(parts.signIn);
  }

  /** A token, or what somebody has to do. */
  async token(fresh: boolean): Promise<PartnerToken> {
    const account = await this.#account();
    if (account === undefined) return none("notSignedIn");
    try {
      const token = await account.token(fresh);
      return hasMfa(token) ? { kind: "token", token } : none("noMfa");
    } catch (error) {
      if (!(error instanceof NoUserToken)) throw error;
      const { kind, words } = error.refusal;
      if (kind === "passing") return { kind: "passing", why: words };
      return { ...none("notSignedIn"), why: `${words}; ${advice.notSignedIn}` };
    }
  }

  /** How it stands, and who it is. */
  async state(): Promise<{ readonly state: AccountState; readonly account?: string }> {
    if (this.#accounts === undefined || this.#parts.tenantId === undefined) return { state: "off" };
    const account = await this.#account();
    if (account === undefined) return { state: "notSignedIn" };
    const got = await this.token(false);
    const state = got.kind === "none" ? got.reason : "signedIn";
    return { state, account: account.upn };
  }

  /** Begins a sign-in; with the id of one that was begun it asks, once, how that stands. */
  async signIn(signInId: string | undefined, askedBy: string): Promise<Result<PartnerSignIn>> {
    const [steps, tenantId] = [this.#signIns, this.#parts.tenantId];
    if (steps === undefined || tenantId === undefined || this.#parts.signIn === undefined)
      return fail(
        "conflict",
        "This installation has no Partner Center: set MUSTER_PARTNER_CENTER_URL, MUSTER_HOME_TENANT_IDS and a key to seal sign-ins with.",
      );
    if (signInId !== undefined) return this.#ask(steps, tenantId, signInId);
    const deadline = this.#parts.signIn.clock.now() + signInMs;
    const request = { tenantId, scopes: [scope], roles: [], deadline, askedBy };
    const begun = await steps.beginDeviceCode({ ...request, reference: "partnerCenter" });
    if (begun.kind !== "begun") return succeed({ state: "refused", detail: begun.words });
    const { userCode, verificationUri } = begun.code;
    const code = { signInId: begun.code.signInId, userCode, verificationUri };
    return succeed({ state: "pending", ...code, retryAfterSeconds: 5 });
  }

  async #ask(steps: SignIns, tenantId: string, signInId: string): Promise<Result<PartnerSignIn>> {
    const found = await steps.pollDeviceCode(tenantId, signInId);
    if (found.kind === "pending")
      return succeed({ state: "pending", signInId, retryAfterSeconds: found.afterSeconds });
    if (found.kind !== "signedIn") return succeed({ state: "refused", detail: found.words });
    this.#known = undefined;
    const got = await this.token(false);
    if (got.kind !== "none") return succeed({ state: "signedIn", account: found.account.upn });
    // Nothing could ever be done with it.
    await this.#accounts?.remove(tenantId);
    this.#known = undefined;
    return succeed({ state: "refused", detail: got.why });
  }

  async #account(): Promise<Account | undefined> {
    const { signIn, tenantId } = this.#parts;
    if (this.#accounts === undefined || signIn === undefined || tenantId === undefined)
      return undefined;
    const now = signIn.clock.now();
    const known = this.#known;
    if (known !== undefined && now - known.at < knownMs) return known.account;
    const account = await this.#accounts.of(tenantId);
    this.#known = account && { account, at: now };
    return account;
  }
}

const none = (reason: "noMfa" | "notSignedIn") =>
  ({ kind: "none", reason, why: advice[reason] }) as const;

/** Whether a token may be used: one that is sealed, or says nothing of how somebody signed in, is Partner Center's to judge. */
function hasMfa(token: string): boolean {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.split(".")[1] ?? "", "base64url").toString(),
    );
    const { amr } = claims as { readonly amr?: unknown };
    return !Array.isArray(amr) || amr.includes("mfa");
  } catch {
    return true;
  }
}
