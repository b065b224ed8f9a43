/**
 * How tests run: on real parts, in processes of their own, two files at a time. `npm test` runs what decides
 * whether a change is right, `npm run test:long` the rest: whole runs and large ones.
 */
import { defineConfig } from "vitest/config";
import { tallyReporter } from "./test/support/tally-reporter.ts";

const architecture = "test/architecture.test.ts";

/** Files, or patterns of them, that only `npm run test:long` runs. */
export const longTests: readonly string[] = [
  "test/bench/{contenders,smoke}.test.ts",
  "test/chaos/**/*.test.ts",
  "test/relay/{clock,cost,crash,each-call,readme,two-relays,whole,wrong-site}.test.ts",
  "test/start/readme.test.ts",
];

const onParts = { globalSetup: ["test/support/global-setup.ts"] };

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
          exclude: [architecture, ...longTests],
          ...onParts,
        },
      },
      { extends: true, test: { name: "long", include: [...longTests], ...onParts } },
    ],
  },
});
