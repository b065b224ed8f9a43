/** `ready.json`: where a running Muster can be reached, and by whom. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "./sandbox.ts";

/** What an app asks for its own token with. */
type Program = {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
};

/** Everything a caller on this machine needs. */
export type Ready = {
  /** Base URL of the functions. */
  readonly url: string;
  /** Base URL of the sandbox: Graph, and its control. */
  readonly sandboxUrl: string;
  /** Goes into `Authorization: Bearer`. */
  readonly adminToken: string;
  /** Where the storage is; for a relay, and for looking into it with other tools. */
  readonly storageConnection: string;
  /** The process to send SIGTERM to. */
  readonly pid: number;
  /** The process that runs the functions; another one after every restart. */
  readonly hostPid: number;
  readonly signIn: SignInFacts;
};

/** How people and programs get tokens. */
export type SignInFacts = {
  readonly authorityUrl: string;
  readonly tenantId: string;
  /** The app that people sign in with. */
  readonly clientId: string;
  readonly scope: string;
  /** The certificate of the authority: to be trusted by who signs in there. */
  readonly caFile: string;
  /** Where a person types the code of a device. */
  readonly devicePage: string;
  /** A program, with its own scope. */
  readonly automation: Program;
  /** What a relay signs in with. */
  readonly relay: Program;
};

/** The facts of a sandbox. */
export const signInFacts = ({
  authorityUrl,
  caFile,
  home,
}: Pick<Sandbox, "authorityUrl" | "caFile" | "home">): SignInFacts => ({
  authorityUrl,
  tenantId: home.tenantId,
  clientId: home.signInClientId,
  scope: `${home.api.identifier}/${home.api.scope}`,
  caFile,
  devicePage: home.devicePage,
  automation: { ...home.automation, scope: `${home.api.identifier}/.default` },
  relay: { ...home.relay, scope: `${home.api.identifier}/.default` },
});

/** The file of one Muster: written when it is opened, and whenever the functions' process changes after that. */
export function readyFile(home: string, ready: Omit<Ready, "hostPid">) {
  let hostPid = 0;
  let open = false;
  const write = (): void => {
    if (open) writeReady(home, { ...ready, hostPid });
  };
  return {
    runsAs: (pid: number): void => {
      hostPid = pid;
      write();
    },
    open: (): void => {
      open = true;
      write();
    },
  };
}

/** Writes the file as a whole, readable by its owner only. */
function writeReady(home: string, ready: Ready): void {
  const draft = join(home, "ready.json.tmp");
  writeFileSync(draft, `${JSON.stringify(ready, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, join(home, "ready.json"));
}

/** Removes the file: nobody can be reached any more. */
export const removeReady = (home: string): void =>
  rmSync(join(home, "ready.json"), { force: true });
