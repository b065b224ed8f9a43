/** Judges a list of devices, or registers them into Autopilot. */
import { readFile } from "node:fs/promises";
import type { Answered, CallInput } from "../api.ts";
import { type Asked, type Command, exitCodes, heard, Stop } from "./asked.ts";
import { count, show, sumUp, table, until } from "./print.ts";

const submit = "POST /api/v1/tenants/{tenantId}/registrations";
const one = "GET /api/v1/tenants/{tenantId}/registrations/{registrationId}";
type Verdict = Extract<Answered<typeof submit>, { status: 200 }>["body"];

async function fileAt(path: string) {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Stop(`${path} cannot be read: ${(cause as Error).message}`);
  });
  return { type: "text/csv", content: new Blob([bytes]) };
}

function judged(asked: Asked, verdict: Verdict) {
  const rows = verdict.findings.map(({ severity, code, reason, line }) => ({
    line: line ?? undefined,
    severity,
    code,
    reason,
  }));
  const words = `Nothing was sent. ${count(verdict.acceptedRows)} of ${count(verdict.rows)} rows could be.`;
  show(asked, verdict, () => (rows.length > 0 ? `${table(rows, "")}\n${words}` : words));
  return verdict.errors > 0 || verdict.fileRejected ? exitCodes.refused : exitCodes.done;
}

export const registerCommand: Command = {
  is: "Register the devices of a CSV file into Autopilot; --check only judges it",
  words: [1, 1, "FILE"],
  takes: ["tenant", "check", "partial", "tag", "wait"],
  async run(asked) {
    const {
      api,
      options,
      words: [path = ""],
    } = asked;
    const file = await fileAt(path);
    const tenantId = await asked.tenantId();
    const query: CallInput<typeof submit>["query"] = {
      defaultTag: options.tag,
      partial: options.partial ? "true" : undefined,
      dryRun: options.check ? "true" : undefined,
    };
    const given = { params: { tenantId }, query, file, idempotencyKey: crypto.randomUUID() };
    const sent = heard(await api.call(submit, given));
    if (sent.status === 200) return judged(asked, sent.body);
    const { registrationId, state } = sent.body;
    if (!options.wait) {
      show(asked, sent.body, () => `${registrationId}: ${state}`);
      return exitCodes.done;
    }
    const end = await until(
      () => api.call(one, { params: { tenantId, registrationId } }),
      ({ final, state: now, counts }) => ({
        over: final,
        percent:
          (100 * (counts.total - counts.waiting - counts.submitted)) / Math.max(counts.total, 1),
        words: `${now} ${count(counts.registered)} registered, ${count(counts.failed)} failed`,
      }),
    );
    show(asked, end, () => sumUp("registered", end.counts));
    return end.state === "finished" ? exitCodes.done : exitCodes.someFailed;
  },
};
