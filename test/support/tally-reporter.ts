/** Says last, in one line for people and machines, how many tests passed and failed. */
import type { Reporter, TestModule } from "vitest/node";

/** A file that could not even be loaded counts as one failed test. */
export const tallyReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors) {
    const states = modules.flatMap((module) =>
      module.errors().length > 0
        ? ["failed"]
        : Array.from(module.children.allTests(), (test) => test.result().state),
    );
    const count = (wanted: string): number => states.filter((state) => state === wanted).length;
    const skipped = count("skipped");
    const failed = count("failed") + unhandledErrors.length;
    const more = skipped > 0 ? `, ${skipped} skipped` : "";
    // After the default reporter's own summary, whichever of the two is asked first.
    process.once("exit", () => console.log(`${count("passed")} passed, ${failed} failed${more}`));
  },
};
