/** Registers a list of devices: judges it, or hands it in to get them into Autopilot. */
import { readFile } from "node:fs/promises";
import type { CallInput } from "../api.ts";
import { type Commands, exitCodes, heard, type Run, Stop } from "./asked.ts";
import { begun } from "./jobs.ts";
import { count, show, table } from "./print.ts";

const submit = "POST /api/v1/tenants/{tenantId}/registrations";

async function fileAt(path: string) {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Stop(`${path} cannot be read: ${(cause as Error).message}`);
  });
  return { type: "text/csv", content: new Blob([bytes]) };
}

const register: Run = async (asked) => {
  const { api, options, words } = asked;
  const file = await fileAt(words[0] ?? "");
  const query: CallInput<typeof submit>["query"] = {
    defaultTag: options.tag,
    partial: options.partial ? "true" : undefined,
    dryRun: options.check ? "true" : undefined,
  };
  const params = { tenantId: await asked.tenantId() };
  const idempotencyKey = crypto.randomUUID();
  const sent = heard(await api.call(submit, { params, query, file, idempotencyKey }));
  if (sent.status === 202) return begun(asked, sent);
  const { findings, acceptedRows, rows, errors, fileRejected } = sent.body;
  const found = findings.map(({ severity, code, reason, line }) => {
    return { line: line ?? undefined, severity, code, reason };
  });
  const sum = `Nothing was sent. ${count(acceptedRows)} of ${count(rows)} rows could be.`;
  show(asked, sent.body, () => [table(found, ""), sum].filter(Boolean).join("\n"));
  return errors > 0 || fileRejected ? exitCodes.refused : exitCodes.done;
};

export const registerCommands: Commands = { register };
