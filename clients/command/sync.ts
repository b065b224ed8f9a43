/** Synchronises a tenant: how it stands, begin, look at the plan, decide, stop. */
import type { Answered, CallInput } from "../api.ts";
import { type Asked, type Command, exitCodes, heard, Stop } from "./asked.ts";
import { count, show, table, until } from "./print.ts";

const tenant = "/api/v1/tenants/{tenantId}";
const one = `GET ${tenant}/syncs/{syncId}` as const;
const startName = `POST ${tenant}/syncs` as const;
type View = Answered<typeof one>["body"];

/** How it ended, or what it waits for; the word follows the counts. */
function sumOf({ outcome, phase, waitsFor, deployed, plan, remark, syncId }: View): string {
  const changes = plan && plan.creates + plan.updates + plan.deletes;
  const words = [
    outcome ?? (waitsFor === undefined ? phase : `waits for ${waitsFor}`),
    changes === undefined
      ? ""
      : `${count(changes)} changes planned, ${count(plan?.blocked ?? 0)} blocked`,
    deployed === undefined ? "" : `${count(deployed.done)} made, ${count(deployed.failed)} failed`,
    remark ?? "",
  ];
  return `${syncId}: ${words.filter((word) => word !== "").join("; ")}`;
}

const exitOf = ({ outcome, deployed, waitsFor }: View) =>
  (outcome === "succeeded" || waitsFor === "approval") && !deployed?.failed
    ? exitCodes.done
    : exitCodes.someFailed;

async function start(asked: Asked, tenantId: string) {
  const { api, options } = asked;
  const { mode, wait } = options;
  // What is no mode is refused by the API, which names those that are.
  const body = (mode === undefined ? {} : { mode }) as CallInput<typeof startName>["body"];
  const given = { params: { tenantId }, body, idempotencyKey: crypto.randomUUID() };
  const begun = heard(await api.call(startName, given)).body;
  if (!wait) {
    show(asked, begun, () => sumOf(begun));
    return exitCodes.done;
  }
  const params = { tenantId, syncId: begun.syncId };
  // What waits for a person goes on when they have decided: that may be days.
  const end = await until(
    () => api.call(one, { params }),
    (view) => ({ over: view.phase === "done" || view.waitsFor !== undefined, words: view.phase }),
  );
  show(asked, end, () => sumOf(end));
  return exitOf(end);
}

async function status(asked: Asked, tenantId: string) {
  const { body } = heard(
    await asked.api.call(`GET ${tenant}/sync-status`, { params: { tenantId } }),
  );
  const { names, since, activeSyncId, error } = body;
  show(asked, body, () =>
    [`${names.en} since ${since}`, activeSyncId ?? "", error ?? ""].filter(Boolean).join("\n"),
  );
  return exitCodes.done;
}

/** What is done with the sync that is going on. */
async function withActive(asked: Asked, tenantId: string, verb: string) {
  const { api, options } = asked;
  const standing = heard(
    await api.call(`GET ${tenant}/sync-status`, { params: { tenantId } }),
  ).body;
  const { activeSyncId: syncId } = standing;
  if (syncId === undefined) throw new Stop("No sync is going on in this tenant.");
  const params = { tenantId, syncId };
  if (verb === "cancel") {
    const { body } = heard(await api.call(`POST ${tenant}/syncs/{syncId}/cancel`, { params }));
    show(asked, body, () => sumOf(body));
    return exitCodes.done;
  }
  const plan = heard(await api.call(`GET ${tenant}/syncs/{syncId}/plan`, { params })).body;
  if (verb === "plan") {
    const rows = plan.changes.map(({ action, type, name, properties }) => ({
      action,
      type,
      name,
      properties: properties.length,
    }));
    show(asked, plan, () => `${table(rows, "No change is planned.")}\nPlan ${plan.planHash}`);
    return exitCodes.done;
  }
  if (options.only !== undefined && options.only !== plan.planHash)
    throw new Stop("The plan is another one by now: look at it again.");
  const body = {
    planHash: plan.planHash,
    ...(options.note === undefined ? {} : { comment: options.note }),
  };
  const decided = heard(
    await api.call(
      verb === "approve"
        ? `POST ${tenant}/syncs/{syncId}/approve`
        : `POST ${tenant}/syncs/{syncId}/reject`,
      { params, body },
    ),
  ).body;
  show(asked, decided, () => sumOf(decided));
  return exitCodes.done;
}

export const syncCommand: Command = {
  is: "How a tenant's sync stands; start one, see its plan, decide, stop",
  words: [0, 1, "[start|plan|approve|reject|cancel]"],
  takes: ["tenant", "mode", "note", "only", "wait"],
  async run(asked) {
    const [verb] = asked.words;
    if (verb !== undefined && !["start", "plan", "approve", "reject", "cancel"].includes(verb))
      throw new Stop(`sync knows start, plan, approve, reject and cancel, not "${verb}".`);
    const tenantId = await asked.tenantId();
    if (verb === undefined) return status(asked, tenantId);
    return verb === "start" ? start(asked, tenantId) : withActive(asked, tenantId, verb);
  },
};
