/** What somebody typed, what a command is, and how one ends. */
import type { parseArgs } from "node:util";
import type { Api, Refused } from "../api.ts";

/** Every option there is; a command takes some of them. */
export const optionTable = {
  admin: { type: "boolean" },
  all: { type: "boolean" },
  approximate: { type: "boolean" },
  as: { type: "string" },
  check: { type: "boolean" },
  collection: { type: "string" },
  csv: { type: "boolean" },
  device: { type: "string", multiple: true },
  "dry-run": { type: "boolean" },
  expires: { type: "string" },
  folder: { type: "string" },
  help: { type: "boolean" },
  json: { type: "boolean" },
  mode: { type: "string" },
  name: { type: "string" },
  note: { type: "string" },
  only: { type: "string" },
  os: { type: "string" },
  parameter: { type: "string", multiple: true },
  partial: { type: "boolean" },
  tag: { type: "string" },
  tenant: { type: "string" },
  top: { type: "string" },
  wait: { type: "boolean" },
} as const;

type Options = ReturnType<typeof parseArgs<{ options: typeof optionTable }>>["values"];
export type OptionName = keyof typeof optionTable;

/** A command's line, read. */
export type Asked = {
  /** What stands behind the command and is no option. */
  readonly words: readonly string[];
  readonly options: Options;
  readonly api: Api;
  /** The tenant that is meant: named by id or by name, or the only one there is. */
  readonly tenantId: () => Promise<string>;
};

/** How a command ends, for programs. */
export const exitCodes = { done: 0, someFailed: 1, refused: 2, notReached: 3 } as const;
type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** One command. */
export type Command = {
  /** What it is for, in one line. */
  readonly is: string;
  /** What stands behind it: at least, and at most so many words. */
  readonly words: readonly [least: number, most: number, names: string];
  readonly takes: readonly OptionName[];
  readonly run: (asked: Asked) => Promise<ExitCode>;
};

/** Ends the command: nothing beneath it can go on. */
export class Stop extends Error {
  readonly exitCode: ExitCode;
  /** The problem document, for who asked for JSON. */
  readonly problem: Refused["problem"] | undefined;
  constructor(
    message: string,
    exitCode: ExitCode = exitCodes.refused,
    problem?: Refused["problem"],
  ) {
    super(message);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** The answer, where there is one. @throws Stop with what the problem document says. */
export function heard<A extends { readonly ok: true }>(outcome: A | Refused): A {
  if (outcome.ok) return outcome;
  const { code, title, detail, errors = [] } = outcome.problem;
  const lines = [
    `${title} (${code}). ${detail}`,
    ...errors.map((each) => `  ${each.pointer} ${each.detail}`),
    ...(code === "unauthenticated" ? ["Sign in: npm run muster -- sign-in"] : []),
  ];
  const far = code === "not-reached" || code === "not-understood";
  throw new Stop(lines.join("\n"), far ? exitCodes.notReached : exitCodes.refused, outcome.problem);
}
