/** What somebody typed, and how a command ends. */
import type { Api, Refused } from "../api.ts";

/** Options that are said or not; those with a text behind them; and those that may be said again for more. */
export const flags = "admin all approximate check csv dry-run help json partial wait";
export const texts = "as collection expires folder from mode name note only os tag tenant top";
export const lists = "device parameter";

type Words<S extends string> = S extends `${infer First} ${infer Rest}` ? First | Words<Rest> : S;
export type Options = { readonly [F in Words<typeof flags>]?: boolean } & {
  readonly [T in Words<typeof texts>]?: string;
} & { readonly [L in Words<typeof lists>]?: string[] };

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

/** Does what a command is for; commands by their names. */
export type Run = (asked: Asked) => Promise<ExitCode>;
export type Commands = Readonly<Record<string, Run>>;

/** Ends the command: nothing beneath it can go on. `problem` is for who asked for JSON. */
export class Stop extends Error {
  readonly exitCode: ExitCode;
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
