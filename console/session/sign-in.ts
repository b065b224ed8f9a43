/** Who is signed in: by MSAL's redirect flow, kept for the tab, asked for anew when a session is over. */
import {
  type AccountInfo,
  type Configuration,
  createStandardPublicClientApplication,
  InteractionRequiredAuthError,
  type IPublicClientApplication,
} from "@azure/msal-browser";
import type { ConsoleConfig } from "./config.ts";
import { localNetwork } from "./local-authority.ts";

/** Somebody's session in this tab. */
export type Session = {
  readonly account: AccountInfo | undefined;
  /** A token for the API; undefined where somebody has to sign in again. */
  readonly token: (fresh?: boolean) => Promise<string | undefined>;
  /** Leaves the page for the sign-in service, and comes back to the same address. */
  readonly signIn: () => Promise<void>;
  readonly signOut: () => Promise<void>;
};

const configurationOf = ({
  authority,
  localAuthority,
  clientId,
}: ConsoleConfig): Configuration => ({
  auth: {
    clientId,
    authority,
    knownAuthorities: [new URL(authority).host],
    redirectUri: `${location.origin}/console/redirect`,
    postLogoutRedirectUri: `${location.origin}/console/`,
  },
  cache: { cacheLocation: "sessionStorage" },
  system: localAuthority === "" ? {} : localNetwork(authority, localAuthority),
});

/** Takes up the session of this tab, or what a sign-in has brought back. */
export async function takeUpSession(config: ConsoleConfig): Promise<Session> {
  const app = await createStandardPublicClientApplication(configurationOf(config));
  const brought = await app.handleRedirectPromise();
  const account = brought?.account ?? app.getAllAccounts()[0];
  return sessionOf(app, account, [config.scope]);
}

const sessionOf = (
  app: IPublicClientApplication,
  account: AccountInfo | undefined,
  scopes: string[],
): Session => ({
  account,
  token: async (fresh = false) => {
    if (account === undefined) return undefined;
    try {
      const request = { account, scopes, forceRefresh: fresh };
      return (await app.acquireTokenSilent(request)).accessToken;
    } catch (cause) {
      if (cause instanceof InteractionRequiredAuthError) return undefined;
      throw cause;
    }
  },
  signIn: () =>
    app.loginRedirect({
      scopes,
      ...(account === undefined ? {} : { loginHint: account.username }),
    }),
  signOut: () => app.logoutRedirect(account === undefined ? {} : { account }),
});
