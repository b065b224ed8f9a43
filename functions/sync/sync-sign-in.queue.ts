/**
 * Asks once whether a person has typed the code of a sync, and comes back until they have, or the time is over.
 *
 * Delivery: at least once. A duplicate is too early to ask, or finds that another code took the place of this one.
 */
import { queueNames } from "../../shared/storage/names.ts";
import { askOnce } from "../../shared/sync/run/authentication.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import { SignInMessage } from "../../shared/sync/state/sync.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly sync: SyncServices };

export const syncSignInFunction = onQueue({
  name: queueNames.syncSignIn,
  message: SignInMessage,
  async handle({ signInId, ...ids }, { services, log }: Tools<Needs>) {
    const { signIn } = services.sync;
    if (signIn === undefined) return { kind: "ack" };
    const afterSeconds = await askOnce({ ...services.sync, signIn }, ids, signInId);
    log("sync.sign-in", { ...ids, state: afterSeconds === undefined ? "over" : "pending" });
    return afterSeconds === undefined ? { kind: "ack" } : { kind: "again", afterSeconds };
  },
});
