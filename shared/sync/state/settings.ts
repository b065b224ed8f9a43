/** How tenants stand with their syncs, in a list of them; and changes of how a tenant is synchronised. */
import { fromIso } from "../../kernel/clock.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import type { TenantRegistry } from "../../tenants/tenants.ts";
import type { SyncStatus } from "./lifecycle.ts";
import { neverSynced, SyncSettings, type TenantSync } from "./sync.ts";
import type { SyncStore } from "./sync-store.ts";
import type { SyncRows } from "./sync-work.ts";

/** A change of settings: what it does not name stays; `types: null` means those that are enabled by default. */
type SettingsChange = {
  readonly types?: readonly string[] | null | undefined;
  readonly deletes?: readonly string[] | undefined;
  readonly breakGlassGroups?: readonly string[] | undefined;
  readonly onMissingUser?: SyncSettings["onMissingUser"] | undefined;
  readonly approvalDays?: number | undefined;
  readonly nightly?:
    | { readonly [K in keyof SyncSettings["nightly"]]?: SyncSettings["nightly"][K] | undefined }
    | undefined;
};

/** Changes how a tenant is synchronised. A night that is set anew is counted from now; one that has come and is not begun stays. */
export async function changeSettings(
  { store, clock, nextAt }: Pick<SyncRows, "store" | "clock" | "nextAt">,
  tenantId: string,
  change: SettingsChange,
): Promise<TenantSync> {
  return updateRow(`the sync settings of ${tenantId}`, async () => {
    const now = clock.now();
    const tenant = await store.tenant(tenantId, now);
    const settings = settingsAfter(tenant.value.settings, change);
    const { nextAt: before, ...rest } = tenant.value;
    const kept = isSameNight(tenant.value.settings, settings) ? before : undefined;
    // A tenant's nights begin with its first sync.
    const due = kept ?? (tenant.value.last === undefined ? undefined : nextAt(settings, now));
    const value = { ...rest, settings, ...(due === undefined ? {} : { nextAt: due }) };
    if ((await store.change({ value, etag: tenant.etag })) === undefined) return lost;
    await store.index(value);
    return value;
  });
}

const isSameNight = ({ nightly: one }: SyncSettings, { nightly: other }: SyncSettings): boolean =>
  one.enabled === other.enabled && one.at === other.at && one.timeZone === other.timeZone;

function settingsAfter(
  { types: old, ...kept }: SyncSettings,
  { types, nightly = {}, ...change }: SettingsChange,
): SyncSettings {
  const chosen = types === undefined ? old : (types ?? undefined);
  return SyncSettings.parse({
    ...kept,
    ...said(change),
    ...(chosen === undefined ? {} : { types: chosen }),
    nightly: { ...kept.nightly, ...said(nightly) },
  });
}

/** What a change says, without what it leaves open. */
const said = (change: object): object =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));

/** Pages of tenants that one page of the filtered list may look through. */
const maxPages = 10;

/** A page of tenants with how each stands, where it is `seen`: two reads, or a few where few have the status. */
export async function tenantsWithStatus(
  {
    tenants,
    store,
  }: { readonly tenants: Pick<TenantRegistry, "list">; readonly store: Pick<SyncStore, "shown"> },
  asked: {
    readonly reached: ReadonlySet<string> | undefined;
    readonly seen: ReadonlySet<string> | undefined;
    readonly syncStatus: SyncStatus | undefined;
    readonly top: number;
  },
  position: string | undefined,
) {
  const { reached, seen, syncStatus, top } = asked;
  let token = position;
  for (let pages = 1; ; pages += 1) {
    const page = await tenants.list(reached, top, token);
    const ids = page.items.map(({ tenantId }) => tenantId);
    const [from, to] = [ids[0], ids.at(-1)];
    const rows = from && to ? await store.shown(from, to) : undefined;
    const listed = page.items.map((tenant) => {
      const { tenantId, createdAt } = tenant;
      const row = rows?.get(tenantId) ?? neverSynced(tenantId, fromIso(createdAt) ?? 0);
      const isSeen = seen === undefined || seen.has(tenantId);
      return isSeen ? { tenant, status: row } : { tenant, status: undefined };
    });
    const items = listed.filter(({ status }) => (syncStatus ?? status?.status) === status?.status);
    token = page.next;
    if (items.length > 0 || token === undefined || pages >= maxPages)
      return token === undefined ? { items } : { items, next: token };
  }
}
