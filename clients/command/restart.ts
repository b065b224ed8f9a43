/** Restarts what failed of a provisioning run: asks where each device would begin, says so, and begins there. */
import type { CallInput } from "../api.ts";
import { type Commands, exitCodes, heard, type Run } from "./asked.ts";
import { begun } from "./jobs.ts";
import { count, show, table } from "./print.ts";

const name = "POST /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/restarts";

const restart: Run = async (asked) => {
  const { api, options, words } = asked;
  const { device: deviceIds, from: actionId } = options;
  const params = { tenantId: await asked.tenantId(), runId: words[0] ?? "" };
  // What is no mode is refused by the API, which names those that are.
  const mode = options.mode ?? (actionId === undefined ? "lastFailedRequired" : "fromAction");
  const body = { mode, actionId, deviceIds } as CallInput<typeof name>["body"];
  const call = async (token?: string) => {
    const given = { params, body: { ...body, token }, idempotencyKey: crypto.randomUUID() };
    return heard(await api.call(name, given));
  };
  const offer = await call();
  if (offer.status === 202) return begun(asked, offer);
  const { starts, total, token } = offer.body;
  if (!options["dry-run"]) return begun(asked, await call(token));
  const rows = starts.map(({ devices, from, inherited }) => {
    return { devices, "begin at": from.name, "stands already": count(inherited.length) };
  });
  const would = `Nothing was started. ${count(total)} device(s) would be restarted:`;
  show(asked, offer.body, () => `${would}\n${table(rows, "")}`);
  return exitCodes.done;
};

export const restartCommands: Commands = { restart };
