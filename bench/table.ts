/** Tables in Markdown, for a terminal and for docs/performance.md. Pure. */

/** What stands in a table: a number is shown with three digits or all of its own. */
export type Cell = string | number | undefined;

/** A table in Markdown, its columns padded so that a terminal shows it well. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [head, ...rows.map((row) => row.map(cell))];
  const widths = head.map((_, at) => Math.max(...texts.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => pad(row[at] ?? "", width, at)).join(" | ")} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...texts.slice(1).map(line)].join("\n");
}

const pad = (text: string, width: number, at: number): string =>
  at === 0 ? text.padEnd(width) : text.padStart(width);

/** A cell's text. */
export function cell(value: Cell): string {
  if (value === undefined) return "-";
  if (typeof value === "string") return value;
  if (value === 0) return "0";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(3);
}
