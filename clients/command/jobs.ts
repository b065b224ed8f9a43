/** What runs for a while, of every kind: found by its id, watched to its end, done again where it failed, and stopped. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Api, BodyOf, CallName, Outcome, ReadName } from "../api.ts";
import { type Asked, type Commands, exitCodes, heard, Stop } from "./asked.ts";
import { count, type Progress, show, sumUp, table, until } from "./print.ts";

/** How something stands, and what is said of it at its end. */
type Seen = Progress & { readonly sum: string; readonly isGood: boolean };
type Kind = ReturnType<typeof kind>;
/** Calls about one of a kind; each takes what its own path names. */
type Calls = { readonly cancel?: CallName; readonly retry?: CallName; readonly csv?: CallName };

const kind = <N extends ReadName>(one: N, see: (body: BodyOf<N>) => Seen, calls: Calls) => ({
  calls,
  id: /\{(\w+)\}$/.exec(one)?.[1] ?? "",
  read: async (api: Api, link: string) => {
    const answer = (await api.follow(one, link)) as Outcome<ReadName>;
    return answer.ok ? { ...answer, body: withSum(answer.body, see as never) } : answer;
  },
});
const withSum = (body: unknown, see: (body: unknown) => Seen) => ({ body, ...see(body) });

const share = (done: number, total: number): number => (100 * done) / Math.max(total, 1);
const failureIn = (view: { readonly failure?: { code: string; detail: string } | undefined }) =>
  view.failure === undefined ? "" : `\n${view.failure.code}: ${view.failure.detail}`;

const tenant = "/api/v1/tenants/{tenantId}";
const notification = `${tenant}/notifications/{notificationId}` as const;
const provisioning = `${tenant}/provisioning-runs/{runId}` as const;
const registration = `${tenant}/registrations/{registrationId}` as const;
const oneSync = `${tenant}/syncs/{syncId}` as const;

/** By the word that their addresses have behind the tenant. */
const kinds: Readonly<Record<string, Kind>> = {
  notifications: kind(
    `GET ${notification}`,
    (view) => ({
      over: view.final,
      percent: view.progress.percent,
      words: [
        view.final ? view.state : (view.phase ?? view.state),
        view.counts && `${count(view.counts.done)} done, ${count(view.counts.failed)} failed`,
      ].join(" "),
      sum: `${view.action}: ${view.counts ? sumUp("done", view.counts) : `${view.state}. ${view.countsLeftOut ?? ""}`}${failureIn(view)}`,
      isGood: view.state === "completed",
    }),
    {
      cancel: `POST ${notification}/cancel`,
      retry: `POST ${notification}/retry`,
      csv: `GET ${notification}/deliveries`,
    },
  ),
  "provisioning-runs": kind(
    `GET ${provisioning}`,
    ({ final, state, total, buckets, says = "", ...view }) => ({
      over: final,
      percent: share(total - buckets.pending - buckets.active, total),
      words: `${state} ${count(buckets.successful)} successful, ${count(buckets.failed)} failed ${says}`,
      sum: `${view.template.name}: ${sumUp("successful", { total, ...buckets })}${failureIn(view)}`,
      isGood: state === "completed",
    }),
    { cancel: `POST ${provisioning}/cancel`, csv: `GET ${provisioning}/history` },
  ),
  registrations: kind(
    `GET ${registration}`,
    ({ final, state, counts, ...view }) => ({
      over: final,
      percent: share(counts.total - counts.waiting - counts.submitted, counts.total),
      words: `${state} ${count(counts.registered)} registered, ${count(counts.failed)} failed`,
      sum: sumUp("registered", counts) + failureIn(view),
      isGood: state === "finished",
    }),
    {
      cancel: `POST ${registration}/cancel`,
      retry: `POST ${registration}/retry`,
      csv: `GET ${registration}/devices`,
    },
  ),
  syncs: kind(
    `GET ${oneSync}`,
    ({ phase, waitsFor, outcome, deployed, plan, remark = "" }) => ({
      // What waits for a person goes on when they have decided: that may be days.
      over: phase === "done" || waitsFor !== undefined,
      words: phase,
      sum: [
        outcome ?? (waitsFor === undefined ? phase : `waits for ${waitsFor}`),
        plan &&
          `${count(plan.creates + plan.updates + plan.deletes)} changes planned, ${count(plan.blocked)} blocked`,
        deployed && `${count(deployed.done)} made, ${count(deployed.failed)} failed`,
        remark,
      ]
        .filter(Boolean)
        .join("; "),
      isGood: (outcome === "succeeded" || waitsFor === "approval") && !deployed?.failed,
    }),
    { cancel: `POST ${oneSync}/cancel`, csv: `GET ${oneSync}/report` },
  ),
  refreshes: kind(
    `GET ${tenant}/refreshes/{refreshId}`,
    ({ final, stage, state, counts: { fetched, added, changed, removed }, ...view }) => ({
      over: final,
      words: `${stage}: ${count(fetched)} read`,
      sum:
        failureIn(view).trim() ||
        `Imported: ${count(fetched)} devices, ${count(added)} new, ${count(changed)} changed, ${count(removed)} gone.`,
      isGood: state === "completed",
    }),
    {},
  ),
};

type Job = { readonly link: string; readonly kind: Kind; readonly params: Record<string, string> };

/** The job that an address is of. */
function jobAt(link: string): Job {
  const [tenantId = "", path = "", id = ""] = link.split("/").slice(-3);
  const known = kinds[path];
  if (known === undefined) throw new Error(`Nothing is known of ${link}`);
  return { link, kind: known, params: { tenantId, [known.id]: decodeURIComponent(id) } };
}

/** The job that was typed, whatever kind it is of; `last` is the tenant's newest notification. */
async function jobIn({ api, tenantId: find, words: [word = "last"] }: Asked): Promise<Job> {
  const tenantId = await find();
  const base = `/api/v1/tenants/${tenantId}`;
  if (word === "last") {
    const name = `GET ${tenant}/notifications` as const;
    const { value } = heard(await api.call(name, { params: { tenantId }, query: { top: 1 } })).body;
    if (value[0]) return jobAt(`${base}/notifications/${value[0].notificationId}`);
    throw new Stop("Nothing has been sent in this tenant yet.");
  }
  for (const [path, { read }] of Object.entries(kinds)) {
    const link = `${base}/${path}/${encodeURIComponent(word)}`;
    const found = await read(api, link);
    if (found.ok) return jobAt(link);
    // Another kind may have it, or be what one may see.
    if (![403, 404].includes(found.problem.status)) heard(found);
  }
  throw new Stop(`Nothing that you may see in this tenant has the id ${word}.`);
}

/** The name of a call about a job; it takes the job's own path, whatever its kind. */
function callOf({ kind: { calls } }: Job, what: keyof Calls): CallName {
  const name = calls[what];
  if (name === undefined) throw new Stop(`There is no ${what} of this.`);
  return name;
}

/** Failures of a notification by their reason, the most frequent first. */
async function whyOf({ api }: Asked, { params }: Job): Promise<string> {
  const { notificationId, tenantId = "" } = params;
  if (notificationId === undefined) return "";
  const name = `GET ${notification}/reasons` as const;
  const { value } = heard(await api.call(name, { params: { tenantId, notificationId } })).body;
  const rows = value
    .filter(({ state }) => state === "failed")
    .map(({ deliveries, code, names }) => ({
      failed: deliveries,
      why: `${code}: ${names?.en ?? ""}`,
    }));
  return rows.length === 0 ? "" : `\n${table(rows, "")}`;
}

/** Waits for a job's end, and says what it was. */
async function follow(asked: Asked, job: Job) {
  const { body, sum, isGood } = await until(() => job.kind.read(asked.api, job.link));
  const why = asked.options.json || isGood ? "" : await whyOf(asked, job);
  show(asked, body, () => sum + why);
  return isGood ? exitCodes.done : exitCodes.someFailed;
}

/** What was begun: waited for where that was asked, else named so that it can be. */
export async function begun(
  asked: Asked,
  { body, location = "" }: { readonly body: unknown; readonly location?: string },
) {
  const job = jobAt(location);
  if (asked.options.wait) return follow(asked, job);
  show(asked, body, () => `Begun. Watch it: npm run muster -- watch ${location.split("/").at(-1)}`);
  return exitCodes.done;
}

export const jobCommands: Commands = {
  watch: async (asked) => {
    const job = await jobIn(asked);
    if (!asked.options.csv) return follow(asked, job);
    const name = callOf(job, "csv") as `GET ${typeof notification}/deliveries`;
    const given = { params: job.params as never };
    const { response } = heard(await asked.api.download(name, "text/csv", given));
    if (response.body !== null)
      await pipeline(Readable.fromWeb(response.body), process.stdout, { end: false });
    return exitCodes.done;
  },

  retry: async (asked) => {
    const job = await jobIn(asked);
    const { only, expires: expiresAfter } = asked.options;
    const isNotification = "notificationId" in job.params;
    if (!isNotification && (only ?? expiresAfter) !== undefined)
      throw new Stop("--only and --expires are for notifications.");
    // What is no state is refused by the API, which names those that are; other kinds take no body.
    const body = { ...(only && { only: only.split(",") }), ...(expiresAfter && { expiresAfter }) };
    const name = callOf(job, "retry") as `POST ${typeof notification}/retry`;
    const given = { params: job.params, idempotencyKey: crypto.randomUUID() };
    const sent = await asked.api.call(name, { ...given, ...(isNotification && { body }) } as never);
    return begun(asked, heard(sent));
  },

  cancel: async (asked) => {
    const job = await jobIn(asked);
    const name = callOf(job, "cancel") as `POST ${typeof notification}/cancel`;
    const { body } = heard(await asked.api.call(name, { params: job.params as never }));
    show(
      asked,
      body,
      () => "Nothing more of it is begun; what is under way is followed to its end.",
    );
    return exitCodes.done;
  },

  "devices refresh": async (asked) => {
    const params = { tenantId: await asked.tenantId() };
    const name = `POST ${tenant}/devices/refresh` as const;
    return begun(asked, heard(await asked.api.call(name, { params })));
  },
};
