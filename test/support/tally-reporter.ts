/** Says last, for people and machines, which tests failed, and in one line how many passed and failed. */
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
    process.once("exit", () => {
      for (const name of failedIn(modules)) console.log(`failed: ${name}`);
      console.log(`${count("passed")} passed, ${failed} failed${more}`);
    });
  },
};

/** Failed tests by file and title, and files that could not be loaded. */
const failedIn = (modules: readonly TestModule[]): string[] =>
  modules.flatMap((module) => {
    const file = module.relativeModuleId;
    if (module.errors().length > 0) return [file];
    const failed = Array.from(module.children.allTests("failed"));
    return failed.map(({ fullName }) => `${file} > ${fullName}`);
  });
