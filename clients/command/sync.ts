/** Synchronises a tenant: how it stands, begin, look at the plan, decide, let it rest, stop. */
import { type Asked, type Commands, exitCodes, heard, type Run, Stop } from "./asked.ts";
import { begun } from "./jobs.ts";
import { show, table } from "./print.ts";

const tenant = "/api/v1/tenants/{tenantId}";
const one = `${tenant}/syncs/{syncId}` as const;

const standing = async (asked: Asked) => {
  const params = { tenantId: await asked.tenantId() };
  return heard(await asked.api.call(`GET ${tenant}/sync-status`, { params })).body;
};

/** The sync that is going on. */
async function activeIn(asked: Asked) {
  const { tenantId, activeSyncId: syncId } = await standing(asked);
  if (syncId === undefined) throw new Stop("No sync is going on in this tenant.");
  return { tenantId, syncId };
}

const planOf = async ({ api }: Asked, params: Awaited<ReturnType<typeof activeIn>>) =>
  heard(await api.call(`GET ${one}/plan`, { params })).body;

const decide =
  (verdict: "approve" | "reject"): Run =>
  async (asked) => {
    const { only, note } = asked.options;
    const params = await activeIn(asked);
    const { planHash } = await planOf(asked, params);
    if (only !== undefined && only !== planHash)
      throw new Stop("The plan is another one by now: look at it again.");
    const body = { planHash, ...(note === undefined ? {} : { comment: note }) };
    const name = `POST ${one}/${verdict}` as const;
    const decided = heard(await asked.api.call(name, { params, body })).body;
    show(asked, decided, ({ syncId, phase }) => `${syncId}: ${phase}`);
    return exitCodes.done;
  };

const steer =
  (what: "pause" | "resume" | "cancel"): Run =>
  async (asked) => {
    const params = await activeIn(asked);
    const { body } = heard(await asked.api.call(`POST ${one}/${what}` as const, { params }));
    show(asked, body, ({ syncId, phase }) => `${syncId}: ${phase}`);
    return exitCodes.done;
  };

export const syncCommands: Commands = {
  sync: async (asked) => {
    show(asked, await standing(asked), ({ names, since, activeSyncId = "", paused, error = "" }) =>
      [`${names.en} since ${since}`, activeSyncId, paused && `Paused since ${paused.at}`, error]
        .filter(Boolean)
        .join("\n"),
    );
    return exitCodes.done;
  },
  "sync start": async (asked) => {
    const { mode } = asked.options;
    const params = { tenantId: await asked.tenantId() };
    // What is no mode is refused by the API, which names those that are.
    const given = { params, body: { mode }, idempotencyKey: crypto.randomUUID() } as never;
    return begun(asked, heard(await asked.api.call(`POST ${tenant}/syncs`, given)));
  },
  "sync plan": async (asked) => {
    show(asked, await planOf(asked, await activeIn(asked)), ({ changes, planHash }) => {
      const rows = changes.map(({ action, type, name, properties }) => {
        return { action, type, name, properties: properties.length };
      });
      return `${table(rows, "No change is planned.")}\nPlan ${planHash}`;
    });
    return exitCodes.done;
  },
  "sync approve": decide("approve"),
  "sync reject": decide("reject"),
  "sync pause": steer("pause"),
  "sync resume": steer("resume"),
  "sync cancel": steer("cancel"),
};
