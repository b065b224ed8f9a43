/** What a sync did: by sum, and what was left out; and the files of it. */
import { Badge, Button } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { Line, List } from "../page/look/line.tsx";
import { Facts } from "../page/page.tsx";
import { Download, saveFile } from "../page/save-file.tsx";
import { type Report, type SyncIds, type Text, useText, whyOf } from "./text.ts";

// Its report as files for people: a table for Excel, and a text that goes into a ticket.

const columns = ["type", "name", "what", "state", "why", "request"] as const;
/** A line of a report. */
export type ReportLine = Readonly<Record<"id" | (typeof columns)[number], string>>;

/** A line for each type that was read, and for each change that was written. */
export function linesOf({ types, items }: Report, t: Text) {
  const titles = new Map(types.map(({ type, names }) => [type, t.name(names)]));
  const ended = (each: Report["types"][number] | Report["items"][number]) => ({
    type: titles.get(each.type) ?? each.type,
    state: t.named("syncSteps", each.state),
    why: whyOf(each, t),
    request: each.requestId ?? "",
  });
  const read: ReportLine[] = types.map((each) => ({
    ...ended(each),
    id: each.type,
    name: t("sync.itemCount", { count: each.items }),
    what: t("sync.reading"),
  }));
  const written: ReportLine[] = items.map((each) => ({
    ...ended(each),
    id: each.changeId,
    name: each.name,
    what: t(`sync.action.${each.action}`),
  }));
  return { read, written };
}

/** The same as a table of texts, with its head. */
function tableOf(report: Report, t: Text): readonly string[][] {
  const { read, written } = linesOf(report, t);
  const lines = [...read, ...written].map((line) => columns.map((id) => line[id]));
  return [columns.map((id) => t(`sync.column.${id}`)), ...lines];
}

/** A value that a spreadsheet would take for a formula is a text to it. */
const cell = (text: string): string =>
  `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

/** As CSV (RFC 4180), with the mark by which Excel knows UTF-8. */
const reportAsCsv = (report: Report, t: Text): string =>
  `\uFEFF${tableOf(report, t)
    .map((line) => `${line.map(cell).join(",")}\r\n`)
    .join("")}`;

const inTable = (text: string): string =>
  text.replaceAll(/[|\\<]/g, "\\$&").replaceAll(/\s+/g, " ");

/** As Markdown: the sum, and the same table. */
function reportAsMarkdown(report: Report, t: Text): string {
  const { syncId, startedAt, outcome = "", deployed } = report.sync;
  const { done = 0, failed = 0, skipped = 0 } = deployed ?? {};
  const [head = [], ...rows] = tableOf(report, t).map((line) => line.map(inTable));
  const table = [head, head.map(() => "---"), ...rows].map((line) => `| ${line.join(" | ")} |`);
  return [
    `# ${t("sync.of", { at: t.dateTime(startedAt) })}`,
    "",
    `- ${syncId}`,
    `- ${t.named("syncOutcomes", outcome)}`,
    `- ${t("sync.writtenOf", { done, failed, skipped })}`,
    "",
    ...table,
    "",
  ].join("\n");
}

/** Logs and artifacts of a sync, and its report where it is there, to keep. */
export function Downloads({ ids, report }: { ids: SyncIds; report?: Report }) {
  const t = useText();
  const call = "GET /api/v1/tenants/{tenantId}/syncs/{syncId}";
  const all = { appearance: "secondary", given: { params: ids } } as const;
  const files = {
    json: ["application/json", (body: Report) => JSON.stringify(body, undefined, 2)],
    csv: ["text/csv", (body: Report) => reportAsCsv(body, t)],
    md: ["text/markdown", (body: Report) => reportAsMarkdown(body, t)],
  } as const;
  return (
    <Line gap="small" align="normal">
      <Download
        {...all}
        call={`${call}/logs`}
        type="application/x-ndjson"
        name={`${ids.syncId}-logs.ndjson`}
      >
        {t("sync.logs")}
      </Download>
      <Download
        {...all}
        call={`${call}/artifacts`}
        type="application/zip"
        name={`${ids.syncId}-artifacts.zip`}
      >
        {t("sync.artifacts")}
      </Download>
      {report &&
        (["json", "csv", "md"] as const).map((kind) => {
          const [type, textOf] = files[kind];
          const keep = () =>
            saveFile(new Blob([textOf(report)], { type }), `${ids.syncId}-report.${kind}`);
          return (
            <Button key={kind} icon={<ArrowDownloadRegular />} onClick={keep}>
              {t(`sync.report.${kind}`)}
            </Button>
          );
        })}
    </Line>
  );
}

/** What a sync read and did, by sum first. */
export function Summary({ report }: { report: Report }) {
  const t = useText();
  const { types, sync } = report;
  const failed = types.filter(({ state }) => state === "failed" || state === "skipped");
  const { done = 0, failed: notWritten = 0, skipped = 0 } = sync.deployed ?? {};
  return (
    <>
      <Facts
        of={{
          [t("sync.started")]: t.dateTime(sync.startedAt),
          [t("sync.typesRead")]: t("sync.typesOf", {
            read: types.length - failed.length,
            all: types.length,
          }),
          [t("sync.written")]: t("sync.writtenOf", { done, failed: notWritten, skipped }),
        }}
      />
      {failed.length > 0 && (
        <List>
          {failed.map((each) => (
            <li key={each.type}>
              {[t.name(each.names), whyOf(each, t)].filter(Boolean).join(": ")}
            </li>
          ))}
        </List>
      )}
    </>
  );
}

/** The items that were not written, each with its words. */
export function LeftOut({ report }: { report: Report }) {
  const t = useText();
  const left = report.items.filter(({ state }) => state !== "done");
  if (left.length === 0) return null;
  return (
    <List label={t("sync.items")}>
      {left.map((each) => (
        <li key={each.changeId}>
          {each.name} <Badge appearance="outline">{t.named("syncSteps", each.state)}</Badge>{" "}
          {whyOf(each, t)}
        </li>
      ))}
    </List>
  );
}
