/** The page where people type the code of a device and say who they are. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "../http/messages.ts";
import { type Outcome, type PersonsAnswer, settleCode } from "./device-approval.ts";
import type { Door } from "./doors.ts";
import { isForeign, sendPage } from "./page-answer.ts";
import { donePage, failurePage, questionPage } from "./pages.ts";

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
