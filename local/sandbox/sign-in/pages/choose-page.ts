/** The page that a browser is sent to by an app that asks for an authorization code. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "../../http/messages.ts";
import type { Door } from "../doors.ts";
import { failurePage, isForeign, questionPage, sendPage } from "./pages.ts";

/** Asks who the person in front of the browser wants to be, and sends them back to the app. */
export async function answerChoosePage(
  { provider, directory, origin }: Door,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { users, apps } = directory;
  const send = (status: number, html: string, text: string): void =>
    sendPage(request, response, { status, html, text });
  const waiting = await provider.interactionDetails(request, response).catch(() => undefined);
  if (waiting === undefined || isForeign(request, origin)) {
    const text = "This sign-in is over, or was started in another browser. Start again in the app.";
    return send(400, failurePage(text), text);
  }
  const { client_id: clientId, login_hint: hint } = waiting.params;
  const appName = apps.find((app) => app.clientId === clientId)?.name ?? "an app";
  const form = new URLSearchParams(request.method === "POST" ? await readBody(request) : "");
  if (form.get("answer") === "cancel") {
    const error_description = "AADSTS65004: The user declined to authorize the application.";
    const result = { error: "access_denied", error_description };
    return provider.interactionFinished(request, response, result);
  }
  const user = users.find(({ userName }) => userName === form.get("user"));
  if (user !== undefined) {
    // Whoever signs in lets the app have what it asks for: there is nothing to protect.
    const result = { login: { accountId: user.id, remember: false }, consent: {} };
    return provider.interactionFinished(request, response, result);
  }
  const asked = { users, appName, ...(hint === undefined ? {} : { chosen: hint }) };
  if (request.method !== "POST") return send(200, questionPage(asked), "Choose a user.");
  const error = "Say who you are: choose one of the users.";
  send(400, questionPage({ ...asked, error }), error);
}
