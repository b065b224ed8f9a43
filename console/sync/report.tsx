/** What a sync did: by sum, and what was left out; and the files of it. */
import { Badge, Button } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { useNames } from "../api/names.ts";
import { Line, List } from "../page/look/line.tsx";
import { Facts } from "../page/page.tsx";
import { Download, saveFile } from "../page/save-file.tsx";
import { type Format } from "../text/format.ts";
import { type Report, type SyncIds, useText, useWhy } from "./text.ts";

// Its report as files for people: a table for Excel, and a text that goes into a ticket.

type Words = Pick<Format, "name" | "dateTime"> & {
  readonly t: ReturnType<typeof useText>;
  readonly named: ReturnType<typeof useNames>;
  readonly why: ReturnType<typeof useWhy>;
};

const columns = ["type", "name", "what", "state", "why", "request"] as const;

/** A line for each type that was read, and for each change: type, name, action, state, why, and the request's id. */
function linesOf({ types, items }: Report, { t, named, name, why }: Words): string[][] {
  const titles = new Map(types.map(({ type, names }) => [type, name(names)]));
  return [
    columns.map((id) => t(`sync.column.${id}`)),
    ...types.map((each) => [
      name(each.names),
      t("sync.itemCount", { count: each.items }),
      t("sync.reading"),
      named("syncSteps", each.state),
      why(each),
      each.requestId ?? "",
    ]),
    ...items.map((each) => [
      titles.get(each.type) ?? each.type,
      each.name,
      t(`sync.action.${each.action}`),
      named("syncSteps", each.state),
      why(each),
      each.requestId ?? "",
    ]),
  ];
}

/** A value that a spreadsheet would take for a formula is a text to it. */
const cell = (text: string): string =>
  `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

/** As CSV (RFC 4180), with the mark by which Excel knows UTF-8. */
const reportAsCsv = (report: Report, words: Words): string =>
  `\uFEFF${linesOf(report, words)
    .map((line) => `${line.map(cell).join(",")}\r\n`)
    .join("")}`;

const inTable = (text: string): string =>
  text.replaceAll(/[|\\<]/g, "\\$&").replaceAll(/\s+/g, " ");

/** As Markdown: the sum, and the same table. */
function reportAsMarkdown(report: Report, words: Words): string {
  const { t, named, dateTime } = words;
  const { syncId, startedAt, outcome = "", deployed } = report.sync;
  const { done = 0, failed = 0, skipped = 0 } = deployed ?? {};
  const [head = [], ...rows] = linesOf(report, words).map((line) => line.map(inTable));
  const table = [head, head.map(() => "---"), ...rows].map((line) => `| ${line.join(" | ")} |`);
  return [
    `# ${t("sync.of", { at: dateTime(startedAt) })}`,
    "",
    `- ${syncId}`,
    `- ${named("syncOutcomes", outcome)}`,
    `- ${t("sync.writtenOf", { done, failed, skipped })}`,
    "",
    ...table,
    "",
  ].join("\n");
}

/** Logs and artifacts of a sync, and its report where it is there, to keep. */
export function Downloads({ ids, report }: { readonly ids: SyncIds; readonly report?: Report }) {
  const t = useText();
  const named = useNames();
  const call = "GET /api/v1/tenants/{tenantId}/syncs/{syncId}";
  const all = { appearance: "secondary", given: { params: ids } } as const;
  const words = { t, named, name: t.name, dateTime: t.dateTime, why: useWhy() };
  const files = {
    json: ["application/json", (body: Report) => JSON.stringify(body, undefined, 2)],
    csv: ["text/csv", (body: Report) => reportAsCsv(body, words)],
    md: ["text/markdown", (body: Report) => reportAsMarkdown(body, words)],
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
export function Summary({ report }: { readonly report: Report }) {
  const t = useText();
  const why = useWhy();
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
            <li key={each.type}>{[t.name(each.names), why(each)].filter(Boolean).join(": ")}</li>
          ))}
        </List>
      )}
    </>
  );
}

/** The items that were not written, each with its words. */
export function LeftOut({ report }: { readonly report: Report }) {
  const t = useText();
  const named = useNames();
  const why = useWhy();
  const left = report.items.filter(({ state }) => state !== "done");
  if (left.length === 0) return null;
  return (
    <List label={t("sync.items")}>
      {left.map((each) => (
        <li key={each.changeId}>
          {each.name} <Badge appearance="outline">{named("syncSteps", each.state)}</Badge>{" "}
          {why(each)}
        </li>
      ))}
    </List>
  );
}
