/** Which devices are chosen in a tenant: it outlives pages, filters and reloading, and is forgotten with the tab. */
import { useSyncExternalStore } from "react";
import { type Choice, rechosen } from "../page/rows.tsx";
import { listening } from "../text/kept.ts";

/** Names by id. */
type Chosen = ReadonlyMap<string, string>;
type Named = { readonly deviceId: string; readonly name: string };

const kept = new Map<string, Chosen>();
const { subscribe, tell } = listening();
const keyOf = (tenantId: string): string => `muster.chosen.${tenantId}`;

function read(tenantId: string): Chosen {
  const now = kept.get(tenantId);
  if (now !== undefined) return now;
  const text = sessionStorage.getItem(keyOf(tenantId));
  const chosen: Chosen = new Map(text === null ? [] : (JSON.parse(text) as [string, string][]));
  kept.set(tenantId, chosen);
  return chosen;
}

function write(tenantId: string, chosen: Chosen): void {
  kept.set(tenantId, chosen);
  sessionStorage.setItem(keyOf(tenantId), JSON.stringify([...chosen]));
  tell();
}

/** The chosen devices, and how the choice changes. */
export function useSelection(tenantId: string) {
  const chosen = useSyncExternalStore(subscribe, () => read(tenantId));
  const change: Choice<Named>["change"] = (devices, isChosen) => {
    const named = devices.map(({ deviceId, name }) => [deviceId, name] as const);
    write(tenantId, rechosen(read(tenantId), named, isChosen));
  };
  return { chosen, change, clear: () => write(tenantId, new Map()) };
}
