/** A person's answer to a device: the code they typed, and who they say they are. */
import type { DeviceCode } from "oidc-provider";
import type { Door } from "./doors.ts";
import type { User } from "./users.ts";

/** What a person answered. */
export type PersonsAnswer =
  | { readonly kind: "user"; readonly userName: string }
  | { readonly kind: "cancel" };

/** What came of it. */
export type Outcome =
  | { readonly kind: "signed-in"; readonly user: User; readonly appName: string }
  | { readonly kind: "declined" }
  | { readonly kind: "wrong"; readonly why: "code" | "expired" | "used" | "user" };

/** Settles the sign-in that a code belongs to, once. */
export async function settleCode(
  doors: readonly Door[],
  typed: string,
  answer: PersonsAnswer,
): Promise<Outcome> {
  // However it was typed: in small letters, with a hyphen or a blank in the middle.
  const userCode = typed.toUpperCase().replaceAll(/[^A-Z]/g, "");
  for (const door of doors) {
    const code = await door.provider.DeviceCode.findByUserCode(userCode, {
      ignoreExpiration: true,
    });
    if (code !== undefined) return settle(door, code, answer);
  }
  return { kind: "wrong", why: "code" };
}

async function settle(door: Door, code: DeviceCode, answer: PersonsAnswer): Promise<Outcome> {
  if (code.accountId !== undefined || code.error !== undefined || code.consumed !== undefined)
    return { kind: "wrong", why: "used" };
  if (code.isExpired) return { kind: "wrong", why: "expired" };
  if (answer.kind === "cancel") {
    code.error = "authorization_declined";
    await code.save();
    return { kind: "declined" };
  }
  const { users, apps } = door.directory;
  const user = users.find(({ userName }) => userName === answer.userName.trim().toLowerCase());
  if (user === undefined) return { kind: "wrong", why: "user" };
  await approve(door, code, user);
  const app = apps.find(({ clientId }) => clientId === code.clientId);
  return { kind: "signed-in", user, appName: app?.name ?? code.clientId };
}

/** Notes on the code what its tokens will be made from. */
async function approve({ provider }: Door, code: DeviceCode, user: User): Promise<void> {
  const { scope = "", resource = "" } = code.params;
  const grant = new provider.Grant({ accountId: user.id, clientId: code.clientId });
  grant.addOIDCScope(scope);
  grant.addResourceScope(resource, scope);
  code.grantId = await grant.save();
  code.authTime = Math.floor(Date.now() / 1000);
  code.scope = scope;
  code.resource = resource;
  code.accountId = user.id;
  await code.save();
}
