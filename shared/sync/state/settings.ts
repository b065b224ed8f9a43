/** Changes of how a tenant is synchronised. */
import { lost, updateRow } from "../../storage/tables.ts";
import { SyncSettings, type TenantSync } from "./sync.ts";
import type { SyncRows } from "./sync-work.ts";

/** A change of settings: what it does not name stays; `types: null` means those that are enabled by default. */
export type SettingsChange = {
  readonly types?: readonly string[] | null | undefined;
  readonly deletes?: readonly string[] | undefined;
  readonly breakGlassGroups?: readonly string[] | undefined;
  readonly onMissingUser?: SyncSettings["onMissingUser"] | undefined;
  readonly nightly?:
    | { readonly [K in keyof SyncSettings["nightly"]]?: SyncSettings["nightly"][K] | undefined }
    | undefined;
};

/** Changes how a tenant is synchronised; a night that is set anew is counted from now. */
export async function changeSettings(
  { store, clock, nextAt }: Pick<SyncRows, "store" | "clock" | "nextAt">,
  tenantId: string,
  change: SettingsChange,
): Promise<TenantSync> {
  return updateRow(`the sync settings of ${tenantId}`, async () => {
    const now = clock.now();
    const tenant = await store.tenant(tenantId, now);
    const { types: old, ...kept } = tenant.value.settings;
    const types = change.types === undefined ? old : (change.types ?? undefined);
    const given = Object.fromEntries(
      Object.entries(change.nightly ?? {}).filter(([, value]) => value !== undefined),
    );
    const settings = SyncSettings.parse({
      ...kept,
      ...(types === undefined ? {} : { types }),
      deletes: change.deletes ?? kept.deletes,
      breakGlassGroups: change.breakGlassGroups ?? kept.breakGlassGroups,
      onMissingUser: change.onMissingUser ?? kept.onMissingUser,
      nightly: { ...kept.nightly, ...given },
    });
    const { nextAt: _, ...rest } = tenant.value;
    // A tenant's nights begin with its first sync.
    const due = tenant.value.last === undefined ? undefined : nextAt(settings, now);
    const value = { ...rest, settings, ...(due === undefined ? {} : { nextAt: due }) };
    if ((await store.change({ value, etag: tenant.etag })) === undefined) return lost;
    await store.index(value);
    return value;
  });
}
