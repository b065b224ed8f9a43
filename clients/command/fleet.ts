/** Tenants and their devices, as the directory has them. */
import type { ListName, Outcome } from "../api.ts";
import { type Command, exitCodes, heard, Stop } from "./asked.ts";
import { count, say, show, table, until } from "./print.ts";

/** Rows of one answer at most, where nobody says how many. */
const usualTop = 50;

/** How many rows somebody asked for. */
function topIn(text = String(usualTop)): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Stop("--top takes a number from 1 to 999999.");
}

type Listed = { readonly value: readonly unknown[] };

/** The first so many of a list, and whether there are more. */
export async function firstOf<B extends Listed>(
  pages: AsyncIterable<
    { readonly ok: true; readonly body: B } | Extract<Outcome<ListName>, { ok: false }>
  >,
  top: string | undefined,
): Promise<{ readonly value: readonly B["value"][number][]; readonly more: boolean }> {
  const most = topIn(top);
  const value: B["value"][number][] = [];
  for await (const page of pages) {
    value.push(...heard(page).body.value);
    if (value.length > most) break;
  }
  return { value: value.slice(0, most), more: value.length > most };
}

/** Said beneath a list that goes on. */
export const goesOn = (more: boolean): string =>
  more ? "\nThere are more: --top shows them." : "";

export const tenantsCommand: Command = {
  is: "List tenants; add TENANT-ID --name NAME registers one",
  words: [0, 2, "[add TENANT-ID]"],
  takes: ["name", "top"],
  async run(asked) {
    const {
      api,
      options,
      words: [verb, tenantId = ""],
    } = asked;
    if (verb === "add") {
      const body = { tenantId, displayName: options.name ?? tenantId };
      const added = heard(await api.call("POST /api/v1/tenants", { body }));
      show(asked, added.body, () => `Registered ${added.body.displayName}.`);
      return exitCodes.done;
    }
    if (verb !== undefined) throw new Stop(`tenants knows add, not "${verb}".`);
    const { value, more } = await firstOf(api.pages("GET /api/v1/tenants"), options.top);
    const rows = value.map(({ displayName, tenantId: id, sync }) => ({
      tenant: displayName,
      id,
      status: sync?.names.en ?? "",
      since: sync?.since ?? "",
    }));
    show(
      asked,
      value,
      () => table(rows, "No tenant is registered that you may see.") + goesOn(more),
    );
    return exitCodes.done;
  },
};

/** Imports a tenant's directory, and waits for the end where that was asked. */
const refresh: Command["run"] = async (asked) => {
  const { api, options } = asked;
  const start = "POST /api/v1/tenants/{tenantId}/devices/refresh";
  const one = "GET /api/v1/tenants/{tenantId}/refreshes/{refreshId}";
  const params = { tenantId: await asked.tenantId() };
  const begun = heard(await api.call(start, { params })).body;
  const ids = { ...params, refreshId: begun.refreshId };
  if (!options.wait) {
    show(asked, begun, () => `Importing the devices: ${begun.state}`);
    return exitCodes.done;
  }
  const end = await until(
    () => api.call(one, { params: ids }),
    ({ final, stage, counts }) => ({
      over: final,
      words: `${stage}: ${count(counts.fetched)} read`,
    }),
  );
  const { fetched, added, changed, removed } = end.counts;
  const words = `Imported: ${count(fetched)} devices, ${count(added)} new, ${count(changed)} changed, ${count(removed)} gone.`;
  show(asked, end, () =>
    end.failure === undefined ? words : `${end.failure.code}: ${end.failure.detail}`,
  );
  return end.state === "completed" ? exitCodes.done : exitCodes.someFailed;
};

export const devicesCommand: Command = {
  is: "List devices; refresh imports them from Intune",
  words: [0, 1, "[refresh]"],
  takes: ["tenant", "os", "name", "top", "wait"],
  async run(asked) {
    const {
      api,
      options,
      words: [verb],
    } = asked;
    if (verb === "refresh") return refresh(asked);
    if (verb !== undefined) throw new Stop(`devices knows refresh, not "${verb}".`);
    const params = { tenantId: await asked.tenantId() };
    const query = {
      operatingSystem: options.os,
      namePrefix: options.name,
      top: Math.min(topIn(options.top), 1000),
    };
    const name = "GET /api/v1/tenants/{tenantId}/devices";
    const { value, more } = await firstOf(api.pages(name, { params, query }), options.top);
    const rows = value.map((device) => ({
      device: device.name,
      id: device.deviceId,
      system: `${device.operatingSystem} ${device.osVersion}`,
      "last sync": device.lastSyncDateTime,
    }));
    show(asked, value, () => table(rows, "No device is as you said.") + goesOn(more));
    if (rows.length === 0) say(asked, "Import them: npm run muster -- devices refresh --wait");
    return exitCodes.done;
  },
};
