/** What the installation says of itself (`/console/config.json`): where people sign in, and as which app. */

/** `localAuthority`: the sign-in service's address without TLS on this machine; empty in Azure. */
export type ConsoleConfig = {
  readonly authority: string;
  readonly localAuthority: string;
  readonly clientId: string;
  readonly scope: string;
  readonly version: string;
};

/** Reads it; throws where it cannot be had. */
export async function readConfig(): Promise<ConsoleConfig> {
  const answer = await fetch("/console/config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return (await answer.json()) as ConsoleConfig;
}
