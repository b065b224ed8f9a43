/** Signs somebody in with MSAL's device code, and answers the access token. */
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import {
  AuthError,
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
  PublicClientApplication,
} from "@azure/msal-node";
import { networkError, straightNetwork } from "../../shared/identity/network.ts";
import type { SignInPlace } from "./place.ts";

const noCode = `the app gets no code. Is it registered there, and are the scope and "Allow public client flows" right?`;

/** Answers to a poll that may pass, in a row, until they are believed: 25 s at Entra's pace. */
const mostInARow = 5;
/** So much slower the service wants to be asked that says so (RFC 8628). */
const slowDownMs = 5_000;

type Poll = INetworkModule["sendPostRequestAsync"];
type Body = { readonly error?: unknown; readonly access_token?: unknown };

/**
 * MSAL ends a sign-in at the first poll that brings no token and is not "pending". But a busy service, a gateway's page
 * or a cut connection says nothing about the person, who is in the middle of it: for MSAL that is pending, too.
 */
function enduring(network: INetworkModule, slowMs: number): INetworkModule {
  let inARow = 0;
  const sendPostRequestAsync: Poll = async <T>(url: string, options?: NetworkRequestOptions) => {
    if (!/(?:^|&)device_code=/.test(options?.body ?? ""))
      return network.sendPostRequestAsync<T>(url, options);
    const answer = await network.sendPostRequestAsync<T>(url, options).catch((error: unknown) => {
      if (error instanceof AuthError && error.errorCode === networkError) return error;
      throw error;
    });
    const word = wordOf(answer);
    if (word === "slow_down") await sleep(slowMs);
    inARow = word === undefined ? inARow + 1 : 0;
    if (word === "slow_down" || (word === undefined && inARow < mostInARow))
      return { status: 400, headers: {}, body: { error: "authorization_pending" } as T };
    if (answer instanceof AuthError) throw answer;
    return answer;
  };
  return { ...network, sendPostRequestAsync };
}

/** What the service itself says to a poll: its error, or that there is a token. Undefined: it may pass. */
function wordOf(answer: NetworkResponse<unknown> | AuthError): string | undefined {
  if (answer instanceof AuthError || answer.status === 429 || answer.status >= 500)
    return undefined;
  const { error, access_token } = (answer.body ?? {}) as Body;
  if (typeof access_token === "string") return "token";
  return typeof error === "string" && !passing.has(error) ? error : undefined;
}
const passing: ReadonlySet<string> = new Set(["server_error", "temporarily_unavailable"]);

/**
 * Waits until the person has signed in.
 * @param tell Gets what the person has to do.
 * @throws What MSAL throws: `complaintOf` has words for it.
 */
export async function signIn(
  place: SignInPlace,
  tell: (message: string) => void,
  slowMs = slowDownMs,
): Promise<string> {
  const { authority, clientId, scope, certificate } = place;
  // Trust in this one certificate, in this process only: verification stays on.
  if (certificate !== undefined)
    tls.setDefaultCACertificates([...tls.getCACertificates("default"), certificate]);
  const knownAuthorities = [new URL(authority).host];
  const app = new PublicClientApplication({
    auth: { clientId, authority, knownAuthorities },
    system: { networkClient: enduring(straightNetwork, slowMs) },
  });
  const signedIn = await app.acquireTokenByDeviceCode({
    scopes: [scope],
    deviceCodeCallback: ({ userCode, message }) => {
      // MSAL takes a refusal for an answer here, and would go on without a code.
      if (!userCode) throw new Error(noCode);
      tell(message);
    },
  });
  if (signedIn === null) throw new Error("the sign-in was cancelled");
  return signedIn.accessToken;
}
