/**
 * Where browsers come back to from Microsoft's pages. Anybody can call these two, so nothing but the state is believed:
 * chance that was given to one browser, good once. Tenant, sync and purpose come out of its row.
 */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { page } from "../../shared/http/reply.ts";
import type { SignInParts } from "../../shared/identity/accounts.ts";
import type { SignInEnd } from "../../shared/identity/user-sign-in.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { settleSignIn } from "../../shared/sync/run/authentication.ts";
import { type Lacking, settleConsent } from "../../shared/sync/run/consent.ts";
import type { Sync } from "../../shared/sync/state/sync.ts";
import { onHttp, type Tools } from "../define.ts";
import type { SyncNeeds } from "./syncs.http.ts";

type Needs = SyncNeeds & { readonly signIn: SignInParts | undefined };

// Not strict: Microsoft adds what it likes.
const CallbackQuery = z.object({
  state: z.string().min(1).max(200),
  code: z.string().max(8192).optional(),
  error: z.string().max(200).optional(),
  error_description: z.string().max(8192).optional(),
  admin_consent: z.string().max(16).optional(),
});

const answers = {
  200: { description: "A page that says what to do next", also: ["text/html"] },
} as const;

export const signInCallbackFunction = onHttp(
  operation({
    name: "callbacks-sign-in",
    method: "GET",
    path: "api/v1/callbacks/sign-in",
    summary: "Where a browser comes back to from signing in; good once",
    tag: "Syncs",
    anonymous: true,
    query: CallbackQuery,
    answers,
  }),
  async ({ query }, { services, log, ip }: Tools<Needs>) => {
    const { signIn } = services.sync;
    if (signIn === undefined) return succeed(page("unknown", notOurs));
    const { end, for: whom } = await signIn.finishBrowserSignIn(query);
    if (whom === undefined) {
      log("callback.refuse", { callback: "sign-in" });
      return succeed(page("unknown", notOurs));
    }
    const ids = { tenantId: whom.tenantId, syncId: whom.reference };
    const from = { means: "browser" as const, signInId: whom.signInId, ip };
    const settled = await settleSignIn({ ...services.sync, signIn }, ids, end, from);
    log("sync.sign-in", { ...ids, state: end.kind });
    if (!settled.ok) return succeed(page("refused", withoutSync(end, settled.failure.detail)));
    return end.kind === "signedIn"
      ? succeed(
          page(
            "done",
            `${end.account.upn} is signed in, and the sync goes on. ${end.warnings.join(" ")}`.trim(),
          ),
        )
      : succeed(page("refused", `It did not work: ${end.words}.`));
  },
);

/** The sync went on or ended meanwhile; whoever has signed in is kept all the same. */
const withoutSync = (end: SignInEnd, detail: string): string =>
  end.kind === "signedIn"
    ? `${end.account.upn} is signed in for the next syncs. ${detail}`
    : detail;

export const consentCallbackFunction = onHttp(
  operation({
    name: "callbacks-consent",
    method: "GET",
    path: "api/v1/callbacks/consent",
    summary: "Where an administrator's browser comes back to from consenting; good once",
    tag: "Syncs",
    anonymous: true,
    query: CallbackQuery,
    answers,
  }),
  async ({ query }, { services, log, ip }: Tools<Needs>) => {
    const { signIn } = services.sync;
    if (signIn === undefined) return succeed(page("unknown", notOurs));
    const { end, for: whom } = await signIn.finishConsent(query);
    if (whom === undefined) {
      log("callback.refuse", { callback: "consent" });
      return succeed(page("unknown", notOurs));
    }
    const ids = { tenantId: whom.tenantId, syncId: whom.reference };
    const from = { requestId: whom.signInId, ip };
    const settled = await settleConsent(services.sync, ids, end, from);
    log("sync.consent", { ...ids, state: end.kind });
    if (!settled.ok) {
      // The sync went on or ended meanwhile; what the tenant has granted stays granted.
      const given = end.kind === "consented" ? "The consent is given, for the next syncs. " : "";
      return succeed(page("refused", given + settled.failure.detail));
    }
    if (end.kind !== "consented")
      return succeed(page("refused", `No consent was given: ${end.words}.`));
    return succeed(page("done", afterConsent(settled.value)));
  },
);

/** What is said to whoever has consented, and what happens next. */
function afterConsent(settled: Lacking | Sync): string {
  // A sync, and not what it lacks: it waits for a person.
  if (!("permissions" in settled))
    return "Thank you: whoever is to sign in for the sync may do that now.";
  return settled.permissions.length === 0
    ? "Thank you: the app may do what it needs now, and the sync goes on."
    : "Thank you. Permissions take some minutes to arrive: the app looks again by itself.";
}

const notOurs = "This sign-in or consent is over, or was never begun. Begin a new one.";
