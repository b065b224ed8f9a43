/** Sends an action to devices, watches what becomes of it, repeats what failed, and stops it. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Answered, CallInput } from "../api.ts";
import { type Asked, type Command, exitCodes, heard, Stop } from "./asked.ts";
import { count, type Progress, say, show, sumUp, table, until } from "./print.ts";

const sendName = "POST /api/v1/tenants/{tenantId}/notifications";
const one = "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}";
const retryName = "POST /api/v1/tenants/{tenantId}/notifications/{notificationId}/retry";
const deliveriesName = "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries";

type Body = CallInput<typeof sendName>["body"];
type Retry = CallInput<typeof retryName>["body"];
type View = Answered<typeof one>["body"];
type Ids = { readonly tenantId: string; readonly notificationId: string };

/** What it is sent to: said in exactly one way, so that nothing that was left out becomes "all". */
function targetIn({ options: { device, collection, all } }: Asked): Body["target"] {
  const targets: readonly (Body["target"] | false | undefined)[] = [
    device && { kind: "devices", deviceIds: device },
    collection !== undefined && { kind: "collection", collectionId: collection },
    all && { kind: "tenant" },
  ];
  const [target, ...others] = targets.filter((each) => typeof each === "object");
  if (target !== undefined && others.length === 0) return target;
  throw new Stop("Say what it is for: --device ID (again for more), --collection ID, or --all.");
}

/** `--parameter name=value`, as an object. */
const parametersIn = ({ options: { parameter = [] } }: Asked): Record<string, string> =>
  Object.fromEntries(
    parameter.map((text) => {
      const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw new Stop(`--parameter takes name=value, not "${text}".`);
      return [name, value];
    }),
  );

/** The id that was typed; `last` is the tenant's newest notification. */
async function idsIn({ api, tenantId: find, words: [word = "last"] }: Asked): Promise<Ids> {
  const tenantId = await find();
  if (word !== "last") return { tenantId, notificationId: word };
  const list = "GET /api/v1/tenants/{tenantId}/notifications";
  const { value } = heard(await api.call(list, { params: { tenantId }, query: { top: 1 } })).body;
  const [newest] = value;
  if (newest === undefined) throw new Stop("Nothing has been sent in this tenant yet.");
  return { tenantId, notificationId: newest.notificationId };
}

const progressOf = ({ final, phase, state, progress, counts }: View): Progress => ({
  over: final,
  percent: progress.percent,
  words: [
    final ? state : (phase ?? state),
    counts === undefined ? "" : `${count(counts.done)} done, ${count(counts.failed)} failed`,
  ].join(" "),
});

const sumOf = ({ action, state, counts, countsLeftOut, failure }: View): string =>
  [
    counts === undefined
      ? `${action}: ${state}. ${countsLeftOut ?? ""}`
      : `${action}: ${sumUp("done", counts)}`,
    ...(failure === undefined ? [] : [`${failure.code}: ${failure.detail}`]),
  ].join("\n");

/** Most pages of a thousand failures that are counted by their reason. */
const mostPages = 5;

/** Failures by reason, the most frequent first. */
async function reasonsOf({ api }: Asked, ids: Ids, view: View): Promise<string> {
  if (!view.counts?.failed) return "";
  const reasons = new Map<string, number>();
  let pages = 0;
  for await (const page of api.pages(deliveriesName, {
    params: ids,
    query: { state: "failed", top: 1000 },
  })) {
    for (const { code = "", detail = "" } of heard(page).body.value) {
      const reason = `${code}: ${detail}`;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    pages += 1;
    if (pages === mostPages) break;
  }
  const rows = [...reasons].toSorted(([, before], [, after]) => after - before);
  return `\n${table(
    rows.map(([why, failed]) => ({ failed, why })),
    "",
  )}`;
}

/** Waits for its end, and says what it was. */
async function follow(asked: Asked, ids: Ids, location?: string) {
  const { api } = asked;
  const read = () =>
    location === undefined ? api.call(one, { params: ids }) : api.follow(one, location);
  const view = await until(read, progressOf);
  const reasons = asked.options.json ? "" : await reasonsOf(asked, ids, view);
  show(asked, view, () => sumOf(view) + reasons);
  return view.state === "completed" ? exitCodes.done : exitCodes.someFailed;
}

/** What was taken: waited for, or named so that it can be. */
async function taken(
  asked: Asked,
  { body, location }: { readonly body: View; readonly location?: string },
) {
  const { notificationId, tenantId, action, state } = body;
  say(asked, `${action}: ${state}, ${notificationId}`);
  if (asked.options.wait) return follow(asked, { tenantId, notificationId }, location);
  show(asked, body, () => `Watch it: npm run muster -- watch ${notificationId}`);
  return exitCodes.done;
}

export const sendCommand: Command = {
  is: "Send an action to devices, or with --dry-run say what would happen",
  words: [1, 1, "ACTION"],
  takes: [
    "tenant",
    "device",
    "collection",
    "all",
    "parameter",
    "approximate",
    "expires",
    "note",
    "dry-run",
    "wait",
  ],
  async run(asked) {
    const {
      api,
      options,
      words: [action = ""],
    } = asked;
    const parameters = parametersIn(asked);
    const body: Body = {
      action,
      target: targetIn(asked),
      ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
      ...(options.approximate ? { allowApproximate: true } : {}),
      ...(options.expires === undefined ? {} : { expiresAfter: options.expires }),
      ...(options.note === undefined ? {} : { note: options.note }),
    };
    const params = { tenantId: await asked.tenantId() };
    const query = { dryRun: options["dry-run"] ? "true" : "false" } as const;
    const idempotencyKey = crypto.randomUUID();
    const sent = heard(await api.call(sendName, { params, query, body, idempotencyKey }));
    if (sent.status === 202) return taken(asked, sent);
    const { total, byRoute, notSupported, sendingSeconds = 0, confirmingSeconds = 0 } = sent.body;
    const rows = [
      ...byRoute.map(({ devices, route, fidelity }) => ({
        devices,
        how: `${route} (${fidelity})`,
      })),
      ...notSupported.map(({ devices, detail }) => ({ devices, how: `not possible: ${detail}` })),
    ];
    const seconds = Math.ceil(sendingSeconds + confirmingSeconds);
    show(
      asked,
      sent.body,
      () =>
        `Nothing was sent. ${action} would be for ${count(total)} devices, and take about ${count(seconds)} s:\n${table(rows, "")}`,
    );
    return exitCodes.done;
  },
};

export const watchCommand: Command = {
  is: "Watch a notification to its end, and see why devices failed; last is the newest",
  words: [0, 1, "[ID or last]"],
  takes: ["tenant", "csv"],
  async run(asked) {
    const ids = await idsIn(asked);
    if (!asked.options.csv) return follow(asked, ids);
    const { response } = heard(
      await asked.api.download(deliveriesName, "text/csv", { params: ids }),
    );
    if (response.body !== null)
      await pipeline(Readable.fromWeb(response.body), process.stdout, { end: false });
    return exitCodes.done;
  },
};

export const retryCommand: Command = {
  is: "Send again where it failed, as a new notification",
  words: [1, 1, "ID or last"],
  takes: ["tenant", "only", "expires", "wait"],
  async run(asked) {
    const { only, expires } = asked.options;
    const body: Retry = {
      // What is no state is refused by the API, which names those that are.
      ...(only === undefined ? {} : { only: only.split(",") as NonNullable<Retry["only"]> }),
      ...(expires === undefined ? {} : { expiresAfter: expires }),
    };
    const params = await idsIn(asked);
    const idempotencyKey = crypto.randomUUID();
    return taken(asked, heard(await asked.api.call(retryName, { params, body, idempotencyKey })));
  },
};

export const cancelCommand: Command = {
  is: "Send nothing more of a notification",
  words: [1, 1, "ID or last"],
  takes: ["tenant"],
  async run(asked) {
    const params = await idsIn(asked);
    const name = "POST /api/v1/tenants/{tenantId}/notifications/{notificationId}/cancel";
    const { body } = heard(await asked.api.call(name, { params }));
    show(asked, body, () => `${body.action}: ${body.state}`);
    return exitCodes.done;
  },
};
