/** How tests run: on real parts, in processes of their own, with one Azurite for the whole run. */
import { defineConfig } from "vitest/config";
import { tallyReporter } from "./test/support/tally-reporter.ts";

const architecture = "test/architecture.test.ts";

export default defineConfig({
  test: {
    pool: "forks",
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
