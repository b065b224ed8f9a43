/**
 * Pages that fetch their tokens themselves. Entra knows them by the address their sign-in came back to: one that is registered
 * as a single-page application's. It answers them across origins, and gives them refresh tokens that last a day whatever
 * becomes of them.
 * Sources: "Redirect URIs for single-page apps (SPAs)" in Microsoft's page on the authorization code flow
 * (entra/identity-platform/v2-oauth2-auth-code-flow), and the errors as people have met them: AADSTS9002327 in
 * AzureAD/microsoft-authentication-library-for-js#2482, AADSTS9002326 in vibber-ai/fastapi-azure-auth#47, AADSTS700084 in
 * Microsoft's list of error codes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ProviderContext, RefreshToken } from "oidc-provider";
import type { Directory } from "../directories.ts";
import type { Door } from "../doors.ts";
import type { EntraFault } from "./entra-errors.ts";

/** What people let pages have: refresh tokens are told apart by it. */
export type PageGrants = Set<string>;

/** Notes that a code was given to a page. */
export function noteGrant(
  { AuthorizationCode: code, RefreshToken: token }: ProviderContext["oidc"]["entities"],
  directory: Directory,
  pageGrants: PageGrants,
): void {
  if (code !== undefined && token !== undefined && isPage(code.redirectUri, directory))
    pageGrants.add(token.grantId);
}

/** On the loopback interface any port will do. */
function isPage(uri: string, { apps }: Directory): boolean {
  const given = URL.parse(uri);
  if (given === null) return false;
  given.port = "";
  return apps.some((app) => app.kind === "public" && app.pageUris.includes(given.href));
}

/** Why Entra would not give these tokens to who asks from there; a page that it gives them to may read the answer. */
export async function pageFault(
  { directory, provider, pageGrants }: Door,
  asked: URLSearchParams,
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
): Promise<EntraFault | undefined> {
  const kept = asked.get("refresh_token");
  const token =
    kept === null ? undefined : await provider.RefreshToken.find(kept, { ignoreExpiration: true });
  const ofPage =
    token === undefined
      ? isPage(asked.get("redirect_uri") ?? "", directory)
      : pageGrants.has(token.grantId);
  if (origin === undefined) return ofPage ? sameOrigin : undefined;
  if (!ofPage) return crossOrigin(origin);
  response.setHeader("access-control-allow-origin", origin);
  return token?.isExpired === true ? overAge(token) : undefined;
}

const fault = (error: string, number: number, text: string): EntraFault => ({
  status: 400,
  error,
  number,
  text,
});

/** A page's code or refresh token, asked for by what is no page. */
const sameOrigin = fault(
  "invalid_request",
  9_002_327,
  "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
);

/** A page asks with what was not given to one; it cannot even read this. */
const crossOrigin = (origin: string): EntraFault =>
  fault(
    "invalid_request",
    9_002_326,
    `Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '${origin}'.`,
  );

const overAge = ({ iiat }: RefreshToken): EntraFault =>
  fault(
    "invalid_grant",
    700_084,
    `The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page. The token was issued on ${new Date(iiat * 1000).toISOString()}.`,
  );
