/**
 * Sample files that are kept beside the project, with what is to be found in each. Where they are not, the table of
 * examples in judge.test.ts is what is left.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ListJudge } from "../../../shared/registration/list/judge.ts";

const folder = fileURLToPath(
  new URL("../../../../shared/reference/autopilot-corpus/", import.meta.url),
);

type Expected = {
  readonly file: string;
  readonly format: string;
  readonly dataRows: number;
  readonly valid: boolean;
  readonly fileRejected: boolean;
  readonly acceptedRows: "all" | readonly number[];
  readonly findings: readonly Readonly<Record<string, unknown>>[];
};
const files: readonly Expected[] = existsSync(folder)
  ? JSON.parse(readFileSync(`${folder}index.json`, "utf8")).files
  : [];

/** What is compared of a finding: reasons are free. */
const placed = ({ severity, code, row, line, column }: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([severity, code, row, line, column]);

test.skipIf(files.length === 0)("there are sample files beside the project", () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(files)("$file has just the findings that it should", (expected) => {
  const judge = new ListJudge();
  const bytes = readFileSync(`${folder}${expected.file}`);
  for (let at = 0; at < bytes.length; at += 1_000) judge.write(bytes.subarray(at, at + 1_000));
  const verdict = judge.end();
  expect(verdict.findings.map(placed).toSorted()).toEqual(expected.findings.map(placed).toSorted());
  const { dataRows: rows, valid, fileRejected, acceptedRows, format } = expected;
  const accepted = acceptedRows === "all" ? rows : acceptedRows.length;
  expect(verdict).toMatchObject({ rows, valid, fileRejected, acceptedRows: accepted });
  expect(verdict.layout).toBe(format);
  for (const { code, repairable } of expected.findings)
    expect(verdict.findings.find((each) => each.code === code)).toMatchObject({ repairable });
});
