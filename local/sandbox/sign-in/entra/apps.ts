/** The app registrations of this stand-in. */

/** An app that proves itself with a secret. */
export type ConfidentialApp = {
  readonly kind: "confidential";
  readonly clientId: string;
  readonly name: string;
  readonly secret: string;
};

/** An app on people's own devices: it can keep no secret, and acts for whoever signs in. */
export type PublicApp = {
  readonly kind: "public";
  readonly clientId: string;
  readonly name: string;
  /** On the loopback interface any port will do. */
  readonly redirectUris: readonly string[];
  /** Where its pages come back to that fetch their tokens themselves: registered as a single-page application's. */
  readonly pageUris: readonly string[];
};

/** One app registration. */
export type App = ConfidentialApp | PublicApp;

/** The client id of the app that reads and changes devices through Graph; the same app is the API. */
export const apiClientId = "11111111-1111-4111-8111-111111111111";
/** The client id of the app that people sign in with. */
export const signInClientId = "33333333-3333-4333-8333-333333333333";
/** The client id of a program that calls the API in its own name. */
export const automationClientId = "44444444-4444-4444-8444-444444444444";

/** The client id of the relay beside a ConfigMgr site. */
export const relayClientId = "55555555-5555-4555-8555-555555555555";

/** The app that looks after devices: customers have consented to it in their own directories. */
export const apiApp = (secret: string): App => ({
  kind: "confidential",
  clientId: apiClientId,
  name: "Muster",
  secret,
});

/** Where browsers come back to: at the root, for apps on people's own machines, and at Muster's callback. */
const comeBack = ["", "/api/v1/callbacks/sign-in"];
/** Where the console's sign-in ends. */
const pages = ["/console/redirect"];

const onLoopback = (paths: readonly string[]): readonly string[] =>
  ["http://localhost", "http://127.0.0.1"].flatMap((host) => paths.map((path) => host + path));

/** What people sign in with: at home, and in each customer's directory. */
export const signInApp: App = {
  kind: "public",
  clientId: signInClientId,
  name: "Muster sign-in",
  redirectUris: onLoopback(comeBack),
  pageUris: onLoopback(pages),
};

/** A program that works by itself. */
export const automationApp = (secret: string): App => ({
  kind: "confidential",
  clientId: automationClientId,
  name: "Muster automation",
  secret,
});

/** A relay, which works by itself too. */
export const relayApp = (secret: string): App => ({
  kind: "confidential",
  clientId: relayClientId,
  name: "Muster relay",
  secret,
});

/** Whether an address is one of this machine, which is where Muster waits for an administrator's answer. */
export const isLoopback = (uri: string): boolean =>
  /^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/|$)/.test(uri);

// App registrations as the provider wants to have them.

/** The provider's word for Entra's device code. */
export const deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";

/** What the provider has to know of an app. */
export function clientOf(app: App): object {
  if (app.kind === "confidential")
    return {
      client_id: app.clientId,
      client_secret: app.secret,
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "client_secret_post",
    };
  return {
    client_id: app.clientId,
    application_type: "native",
    grant_types: [deviceCodeGrant, "authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: [...app.redirectUris, ...app.pageUris],
    token_endpoint_auth_method: "none",
  };
}
