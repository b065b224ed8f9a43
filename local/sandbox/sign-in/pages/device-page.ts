/** The page where people type the code of a device and say who they are. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { DeviceCode } from "oidc-provider";
import { readBody } from "../../http/messages.ts";
import type { Door } from "../doors.ts";
import type { User } from "../entra/users.ts";
import { donePage, failurePage, isForeign, questionPage, sendPage } from "./pages.ts";

// A person's answer to a device: the code they typed, and who they say they are.

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
async function settleCode(
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

/** Where the page is; Entra's is at microsoft.com. */
export const devicePagePath = "/devicelogin";

const wrong: Readonly<Record<Extract<Outcome, { kind: "wrong" }>["why"], string>> = {
  code: "That code is not one of ours. Look again at what the app shows.",
  expired: "That code has expired. Start again in the app.",
  used: "That code has been used. Start again in the app.",
  user: "Say who you are: choose one of the users.",
};

/** Answers the page. `doors` are those through which somebody may be waiting. */
export async function answerDevicePage(
  doors: () => readonly Door[],
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const users = doors().flatMap(({ directory }) => directory.users);
  const send = (status: number, html: string, text: string): void =>
    sendPage(request, response, { status, html, text });
  if (request.method !== "POST") {
    const ask = `POST user_code=<code> and user=<one of these>:\n${users.map(({ userName }) => userName).join("\n")}`;
    return send(200, questionPage({ users, code: "" }), ask);
  }
  if (isForeign(request, origin)) {
    const refusal = "This form was sent by another site.";
    return send(403, failurePage(refusal), refusal);
  }
  const form = new URLSearchParams(await readBody(request));
  const [code, userName] = [form.get("user_code") ?? "", form.get("user") ?? ""];
  const answer: PersonsAnswer =
    form.get("answer") === "cancel" ? { kind: "cancel" } : { kind: "user", userName };
  const outcome = await settleCode(doors(), code, answer);
  if (outcome.kind === "wrong") {
    const error = wrong[outcome.why];
    return send(400, questionPage({ users, code, error, chosen: userName }), error);
  }
  const text =
    outcome.kind === "declined"
      ? "You have cancelled the sign-in. You can close this page."
      : `You are signed in to ${outcome.appName} as ${outcome.user.name} (${outcome.user.userName}). You can close this page.`;
  send(200, donePage(text), text);
}
