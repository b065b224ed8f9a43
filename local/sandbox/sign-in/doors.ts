/** The doors of the sign-in service: one provider for each directory, made when first asked for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider";
import { type Directory, type DirectoryById, homeTenantId } from "./directories.ts";
import type { PageGrants } from "./entra/single-page.ts";
import { makeProvider, type ProviderParts } from "./provider.ts";

/** One directory with what answers for it. */
export type Door = {
  readonly directory: Directory;
  readonly provider: Provider;
  readonly origin: string;
  /** When a device was last given a code here. */
  readonly codes: { lastAt: number };
  readonly pageGrants: PageGrants;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
};

/** All doors. */
export type DoorById = {
  /** The door of a directory, by its id in either case. */
  readonly of: (id: string) => Door | undefined;
  /** Those that people may be about to go through with a code: the home directory's, and where one was given out. */
  readonly forPeople: () => readonly Door[];
};

/** So long the page of codes knows what became of one. */
const codesKnownMs = 3_600_000;

/** No door has been opened yet. */
export function doorsTo(directories: DirectoryById, parts: ProviderParts): DoorById {
  const open = new Map<string, Door>();
  return {
    of: (id) => {
      const directory = directories(id);
      if (directory === undefined) return undefined;
      const known = open.get(directory.id);
      if (known?.directory === directory) return known;
      const pageGrants: PageGrants = new Set();
      const provider = makeProvider(parts, directory, pageGrants);
      const { origin } = parts;
      const codes = { lastAt: 0 };
      const kept = { provider, origin, codes, pageGrants };
      const door = { directory, ...kept, handle: provider.callback() };
      open.set(directory.id, door);
      return door;
    },
    forPeople: () =>
      [...open.values()].filter(
        ({ directory, codes }) =>
          directory.id === homeTenantId || codes.lastAt > Date.now() - codesKnownMs,
      ),
  };
}
