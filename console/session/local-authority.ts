/**
 * Signing in on one machine: its sign-in service has a certificate that no browser trusts, and answers without TLS on
 * the loopback address, too. MSAL goes on with the proper address, which issuer and tokens name, and only what leaves
 * is sent to the other one.
 */
import type { Configuration, INetworkModule } from "@azure/msal-browser";

type System = Pick<NonNullable<Configuration["system"]>, "networkClient" | "navigationClient">;

/** MSAL's network where `localAuthority` stands for `authority`. */
export function localNetwork(authority: string, localAuthority: string): System {
  const [from, to] = [new URL(authority).origin, new URL(localAuthority).origin];
  const local = (url: string): string =>
    url.startsWith(`${from}/`) ? to + url.slice(from.length) : url;
  const send =
    (method: string): INetworkModule["sendPostRequestAsync"] =>
    async (url, options) => {
      const answer = await fetch(local(url), {
        method,
        headers: options?.headers ?? {},
        ...(options?.body === undefined ? {} : { body: options.body }),
      });
      const body = await answer.json();
      return { headers: Object.fromEntries(answer.headers), body, status: answer.status };
    };
  const go = async (
    url: string,
    { noHistory }: { readonly noHistory: boolean },
  ): Promise<boolean> => {
    if (noHistory) location.replace(local(url));
    else location.assign(local(url));
    // The page is left: whatever waits for an answer must not go on.
    return new Promise(() => undefined);
  };
  return {
    networkClient: { sendGetRequestAsync: send("GET"), sendPostRequestAsync: send("POST") },
    navigationClient: { navigateInternal: go, navigateExternal: go },
  };
}
