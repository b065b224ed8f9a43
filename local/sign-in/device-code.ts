/** Signs somebody in with MSAL's device code, and answers the access token. */
import tls from "node:tls";
import { PublicClientApplication } from "@azure/msal-node";
import { straightNetwork } from "../../shared/identity/network.ts";
import type { SignInPlace } from "./place.ts";

const noCode = `the app gets no code. Is it registered there, and are the scope and "Allow public client flows" right?`;

/**
 * Waits until the person has signed in.
 * @param tell Gets what the person has to do.
 * @throws What MSAL throws: `complaintOf` has words for it.
 */
export async function signIn(place: SignInPlace, tell: (message: string) => void): Promise<string> {
  const { authority, clientId, scope, certificate } = place;
  // Trust in this one certificate, in this process only: verification stays on.
  if (certificate !== undefined)
    tls.setDefaultCACertificates([...tls.getCACertificates("default"), certificate]);
  const knownAuthorities = [new URL(authority).host];
  const app = new PublicClientApplication({
    auth: { clientId, authority, knownAuthorities },
    system: { networkClient: straightNetwork },
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
