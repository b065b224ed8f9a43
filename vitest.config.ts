/** How tests run: on real parts, in processes of their own, two files at a time. */
import { defineConfig } from "vitest/config";
import { tallyReporter } from "./test/support/tally-reporter.ts";

const architecture = "test/architecture.test.ts";

export default defineConfig({
  test: {
    pool: "forks",
    // Many tests wait for something most of their time; more at once would only make them late.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ["default", tallyReporter],
    projects: [
      { extends: true, test: { name: "architecture", include: [architecture] } },
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: [architecture],
          globalSetup: ["test/support/global-setup.ts"],
        },
      },
    ],
  },
});
