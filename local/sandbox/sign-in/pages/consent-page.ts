/** The page where an administrator of a tenant lets the app have what it asks for, or does not. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { manifestRoles } from "../../graph/configuration/permissions.ts";
import { readBody } from "../../http/messages.ts";
import type { Door } from "../doors.ts";
import { isLoopback } from "../entra/apps.ts";
import { graphScopes } from "../entra/resources.ts";
import { consentPage, failurePage, isForeign, sendPage } from "./pages.ts";

/** The page's addresses below `/{tenant}`: of today, and of version 1. */
export const consentPaths: readonly string[] = ["/v2.0/adminconsent", "/adminconsent"];

/** Shows what is asked for, and sends the browser back to the app with the answer. */
export async function answerConsentPage(
  { directory, origin }: Door,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, html: string, text: string): void =>
    sendPage(request, response, { status, html, text });
  const fail = (text: string): void => send(400, failurePage(text), text);
  const [clientId, back] = [query.get("client_id") ?? "", query.get("redirect_uri") ?? ""];
  const app = directory.apps.find((one) => one.clientId === clientId);
  if (app === undefined)
    return fail(`AADSTS700016: Application with identifier '${clientId}' was not found.`);
  if (!isLoopback(back))
    return fail(`AADSTS50011: The redirect URI '${back}' does not match those of the application.`);
  const scope = query.get("scope") ?? "https://graph.microsoft.com/.default";
  const asksAll = scope.split(" ").some((word) => word.endsWith("/.default"));
  const roles = asksAll ? manifestRoles : [];
  const words = scope.split(" ").map((word) => word.slice(word.lastIndexOf("/") + 1));
  const scopes = asksAll ? graphScopes : words.filter((word) => graphScopes.includes(word));
  if (request.method !== "POST")
    return send(200, consentPage(app.name, [...roles, ...scopes]), "POST answer=accept or cancel.");
  if (isForeign(request, origin)) return fail("This form was sent by another site.");
  const accepted = new URLSearchParams(await readBody(request)).get("answer") === "accept";
  if (accepted) directory.consent(roles, scopes);
  const target = new URL(back);
  const answer = accepted
    ? { scope }
    : {
        error: "access_denied",
        error_description:
          "AADSTS65004: The resource owner or authorization server denied the request.",
      };
  const state = query.get("state");
  const all = {
    admin_consent: "True",
    tenant: directory.id,
    ...answer,
    ...(state === null ? {} : { state }),
  };
  for (const [name, value] of Object.entries(all)) target.searchParams.set(name, value);
  response.writeHead(302, { Location: target.href, "Cache-Control": "no-store" }).end();
}
