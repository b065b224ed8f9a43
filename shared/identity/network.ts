/**
 * How MSAL reaches the sign-in service: by requests that end at the address they were made for, and within their time.
 *
 * Its own client follows redirects, and a 307 or 308 carries the body along: the app's secret, its signed proof, or a
 * device code would go wherever an answer says. The endpoints for tokens redirect nobody, so nothing is lost.
 */
import {
  AuthError,
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
} from "@azure/msal-node";
import { reasonOf } from "../kernel/outside-text.ts";

/** Time for one request; MSAL gives those for tokens none. */
const timeoutMs = 30_000;
/**
 * Where Entra's endpoints are, by its own fixed rule. Asking for them costs a request per tenant, and MSAL
 * cannot tell a tenant that does not exist from a service that does not answer.
 */
const endpointsOf = (authority: string) => ({
  issuer: `${authority}/v2.0`,
  authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
  token_endpoint: `${authority}/oauth2/v2.0/token`,
  jwks_uri: `${authority}/discovery/v2.0/keys`,
});

/** The sign-in service of one tenant, in MSAL's words. */
export function authorityOf(authorityUrl: string, tenantId: string) {
  const authority = `${authorityUrl}/${tenantId}`;
  return {
    authority,
    authorityMetadata: JSON.stringify(endpointsOf(authority)),
    // The authority comes from the operator's settings: asking Microsoft about it adds nothing.
    knownAuthorities: [new URL(authorityUrl).host],
  };
}

/** MSAL's own name for a request without an answer. */
export const networkError = "network_error";

/** For MSAL's `system.networkClient`. */
export const straightNetwork: INetworkModule = {
  sendGetRequestAsync: (url, options, limitMs) => send("GET", url, options, limitMs),
  sendPostRequestAsync: (url, options) => send("POST", url, options, timeoutMs),
};

async function send(
  method: "GET" | "POST",
  url: string,
  { headers = {}, body = "", correlationId = "" }: NetworkRequestOptions = {},
  limitMs = timeoutMs,
): Promise<NetworkResponse<never>> {
  const signal = AbortSignal.timeout(limitMs);
  const content = method === "POST" ? { body } : {};
  try {
    const response = await fetch(url, { method, headers, signal, redirect: "manual", ...content });
    const { status } = response;
    const to = response.headers.get("location");
    if (to !== null)
      throw new AuthError(
        "redirected",
        correlationId,
        `${url} redirects to ${to}, which is not followed`,
      );
    const answered = Object.fromEntries(response.headers);
    // Its shape is MSAL's to judge.
    return { status, headers: answered, body: (await response.json()) as never };
  } catch (cause) {
    if (cause instanceof AuthError) throw cause;
    // Other errors lose their words in MSAL.
    throw new AuthError(networkError, correlationId, reasonOf(cause));
  }
}
