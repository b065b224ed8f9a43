/** The tenant that somebody works with: the one in the address, else the one that they chose last on this machine. */
import { useParams, useRouter } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { kept } from "../text/kept.ts";

const last = kept("muster.tenant");

/** Remembers the tenant. */
export function chooseTenant(tenantId: string): void {
  if (last.get() !== tenantId) last.set(tenantId);
}

/** The tenant's id; undefined until somebody has chosen one. */
export function useTenantId(): string | undefined {
  const { tenantId }: { tenantId?: string } = useParams({ strict: false });
  const chosen = useSyncExternalStore(last.subscribe, last.get);
  return tenantId ?? chosen;
}

/** Goes to the same page of another tenant, where the page is one of a tenant; what lies deeper in it is left. */
export function useChangeTenant(): (tenantId: string) => void {
  const router = useRouter();
  return (tenantId) => {
    chooseTenant(tenantId);
    const route = router.state.matches.at(-1)?.fullPath ?? "/";
    if (!route.includes("$tenantId")) return;
    const to = /^.*\$tenantId(?:\/[^/$]+)?/.exec(route)?.[0] ?? "/";
    void router.navigate({ to, params: { tenantId } } as never);
  };
}
