/** The doors of the sign-in service: one provider for each directory, made when first asked for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider";
import type { Directory, DirectoryById } from "./directories.ts";
import { makeProvider, type ProviderParts } from "./provider.ts";

/** One directory with what answers for it. */
export type Door = {
  readonly directory: Directory;
  readonly provider: Provider;
  readonly origin: string;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
};

/** All doors. */
export type DoorById = {
  /** The door of a directory, by its id in either case. */
  readonly of: (id: string) => Door | undefined;
  /** Those that people go through. */
  readonly forPeople: () => readonly Door[];
};

/** No door has been opened yet. */
export function doorsTo(directories: DirectoryById, parts: ProviderParts): DoorById {
  const open = new Map<string, Door>();
  return {
    of: (id) => {
      const directory = directories(id);
      if (directory === undefined) return undefined;
      const known = open.get(directory.id);
      if (known?.directory === directory) return known;
      const provider = makeProvider(parts, directory);
      const { origin } = parts;
      const door = { directory, provider, origin, handle: provider.callback() };
      open.set(directory.id, door);
      return door;
    },
    forPeople: () => [...open.values()].filter(({ directory }) => directory.users.length > 0),
  };
}
