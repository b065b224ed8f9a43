/** A sync's report as files for people: a table for Excel, and a text that goes into a ticket. Pure. */
import type { useNames } from "../api/names.ts";
import type { Format } from "../text/format.ts";
import type { Report, useText } from "./text.ts";

type Words = Pick<Format, "name" | "dateTime"> & {
  readonly t: ReturnType<typeof useText>;
  readonly named: ReturnType<typeof useNames>;
};

const columns = ["type", "name", "what", "state", "why", "request"] as const;

/** A line for each type that was read, and for each change: type, name, action, state, why, and the request's id. */
function linesOf({ types, items }: Report, { t, named, name }: Words): string[][] {
  const titles = new Map(types.map(({ type, names }) => [type, name(names)]));
  const why = ({
    detail,
    reason = "",
  }: {
    detail?: string | undefined;
    reason?: string | undefined;
  }) => detail ?? named("syncReasons", reason);
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
export const reportAsCsv = (report: Report, words: Words): string =>
  `\uFEFF${linesOf(report, words)
    .map((line) => `${line.map(cell).join(",")}\r\n`)
    .join("")}`;

const inTable = (text: string): string =>
  text.replaceAll(/[|\\<]/g, "\\$&").replaceAll(/\s+/g, " ");

/** As Markdown: the sum, and the same table. */
export function reportAsMarkdown(report: Report, words: Words): string {
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
