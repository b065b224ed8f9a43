/** Why the host does not start: everything that is wrong, at once. */

/** Thrown when an app cannot be hosted. The host in Azure drops some of these with a log line only. */
export class HostRefusal extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The app cannot be hosted:\n${problems.map((problem) => `- ${problem}`).join("\n")}`);
    this.name = "HostRefusal";
    this.problems = problems;
  }
}
