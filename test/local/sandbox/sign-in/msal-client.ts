/** Signs in with the real MSAL in a process of its own, because trust in a certificate is set at its start. */
import { ConfidentialClientApplication } from "@azure/msal-node";

/** What came of it, as one line of JSON on the standard output. */
export type Outcome = {
  readonly token?: string | undefined;
  readonly expiresOn?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly errorNo?: number | undefined;
};

function report(outcome: Outcome): void {
  console.log(JSON.stringify(outcome));
}

const [authority = "", clientId = "", clientSecret = "", scope = ""] = process.argv.slice(2);
const knownAuthorities = [new URL(authority).host];
const app = new ConfidentialClientApplication({
  auth: { authority, clientId, clientSecret, knownAuthorities },
});
try {
  const result = await app.acquireTokenByClientCredential({ scopes: [scope] });
  report({ token: result?.accessToken, expiresOn: result?.expiresOn?.toISOString() });
} catch (error) {
  const { errorCode, errorNo } = error as { errorCode?: string; errorNo?: unknown };
  report({ errorCode, errorNo: Number(errorNo) });
}
