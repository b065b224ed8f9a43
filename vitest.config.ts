/**
 * How tests run: on real parts, two files at a time, in `npm run test:long` three: its files wait for half of their time.
 * `npm test` runs what decides whether a change is right, `npm run test:long` the rest: whole runs and large ones. Files
 * have processes of their own, except those of the app itself: loading its modules anew for each took a quarter of the
 * time of all.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { tallyReporter } from "./test/support/tally-reporter.ts";

const appTests = ["test/{functions,shared}/**/*.test.ts"];
const architecture = ["test/architecture.test.ts", "test/glossary.test.ts"];

/** Files, or patterns of them, that only `npm run test:long` runs: what they guard, shorter ones guard too. */
export const longTests: readonly string[] = [
  "test/audit/*.test.ts",
  "test/backup/*.test.ts",
  "test/bench/{contenders,smoke}.test.ts",
  "test/chaos/**/*.test.ts",
  "test/console/console.test.ts",
  "test/clients/command.test.ts",
  "test/console/first-minutes.test.ts",
  "test/functions/{browsers,platform/drain,public-address,rate-limits,slow-bodies,texts}.test.ts",
  "test/functions/registration/whole-way.test.ts",
  "test/functions/sync/{authentication,baselines,consent,first-sync,in-chromium,paused}.test.ts",
  "test/functions/access/{bad-tokens,edits-property,id-guessing,idempotency-keys,marked-texts,odd-spelling,paging-tokens,refused-callers,role-walk,same-work}.test.ts",
  "test/local/{host/command,host/queue,host/streaming,sandbox/sign-in/consent,sandbox/sign-in/device-code,sandbox/sign-in/page,sign-in/command}.test.ts",
  "test/relay/{actions,clock,cost,crash,each-call,install-client,readme,relay,sign-in,two-relays,whole,wrong-site}.test.ts",
  "test/shared/access/audit-everywhere.test.ts",
  "test/shared/identity/sign-in-pages.test.ts",
  "test/shared/telemetry/trace.test.ts",
  "test/shared/notifications/{expected-times,planner,reading-large}.test.ts",
  "test/functions/{provisioning/scenarios,schedules/window-holds}.test.ts",
  "test/shared/devices/refresh-delivery.test.ts",
  "test/shared/provisioning/{actions/watch,counts,rollouts}.test.ts",
  "test/shared/registration/{counts,three-customers}.test.ts",
  "test/shared/schedules/due-index.test.ts",
  // It measures what its process holds, and so needs one of its own.
  "test/shared/sync/artifacts.test.ts",
  "test/shared/sync/run/{random-configurations,round-trip,written-by-hand}.test.ts",
  "test/versions/*.test.ts",
  "test/start/{azurite,bundle,ensure-installed,partner-automation,provisioning-page,readme,sample,sign-in,start,sync-page}.test.ts",
];

/** Files with many cases of one kind, or large ones: `npm test` takes some, or smaller ones, `npm run test:long` all of them. */
export const sampledTests: readonly string[] = [
  "test/functions/{openapi,shadowed}.test.ts",
  "test/local/host/ncrontab.test.ts",
  "test/shared/schedules/{recurrence,run-tasks,window}.test.ts",
  "test/shared/webhooks/sync-events.test.ts",
  "test/shared/fanout/{rollout,second-kind}.test.ts",
  "test/shared/notifications/{audits,crash-points,first-pass,relay-crash-points,targets}.test.ts",
  "test/shared/registration/{crash-points,partner-center}.test.ts",
  "test/shared/sync/{baselines/publish,run/crash-points,run/nightly}.test.ts",
];

/**
 * The longest of each run, longest first: whatever begins last keeps one worker busy and leaves the others idle. By the
 * clock of a whole run; a fresh clone knows no times, and takes files by their size.
 */
export const slowTests: readonly string[] = [
  "test/console/console.test.ts",
  "test/chaos/chaos.test.ts",
  "test/shared/sync/run/crash-points.test.ts",
  "test/bench/smoke.test.ts",
  "test/functions/access/idempotency-keys.test.ts",
  "test/clients/command.test.ts",
  "test/versions/back.test.ts",
  "test/functions/texts.test.ts",
  "test/relay/each-call.test.ts",
  "test/relay/relay.test.ts",
  "test/functions/access/role-walk.test.ts",
  "test/functions/access/marked-texts.test.ts",
  "test/relay/whole.test.ts",
  "test/start/provisioning-page.test.ts",
  "test/shared/fanout/rollout.test.ts",
  "test/console/first-minutes.test.ts",
  "test/audit/verify.test.ts",
  "test/relay/two-relays.test.ts",
  "test/relay/crash.test.ts",
  "test/start/readme.test.ts",
  "test/shared/devices/refresh-delivery.test.ts",
  "test/functions/slow-bodies.test.ts",
  "test/functions/openapi.test.ts",
  "test/functions/access/edits-property.test.ts",
  "test/shared/provisioning/rollouts.test.ts",
  "test/shared/registration/crash-points.test.ts",
  "test/relay/actions.test.ts",
];

/** Its place among these; after all of them where it is none. */
const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = slowTests.findIndex((path) => moduleId.endsWith(`/${path}`));
  return place < 0 ? slowTests.length : place;
};

/** The usual order, with the longest files of a project before its others. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- vitest's own, which answers with another list
    const usual = await super.sort(files);
    const projects = [...new Set(usual.map(({ project }) => project))];
    return projects.flatMap((own) =>
      usual
        .filter(({ project }) => project === own)
        .toSorted((one, other) => placeOf(one) - placeOf(other)),
    );
  }
}

declare module "vitest" {
  interface ProvidedContext {
    /** A run takes one in so many cases of a sampled file. */
    readonly oneCaseIn: number;
    /** Of every operation with every caller, text or spelling, a run takes one pair in so many: other ones for each. */
    readonly oneWalkIn: number;
  }
}

// The hundreds of processes that tests start load what the first one has compiled: a third of what a relay's start takes.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "muster-compiled");

const globalSetup = ["test/support/global-setup.ts"];

export default defineConfig({
  test: {
    pool: "forks",
    // The short ones keep two processors busy; more at once would only make them late.
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ["default", tallyReporter],
    // What the app logs is of interest where a test failed, and thousands of lines where none did.
    silent: "passed-only",
    projects: [
      { extends: true, test: { name: "architecture", include: architecture } },
      {
        extends: true,
        test: {
          name: "app",
          isolate: false,
          include: appTests,
          exclude: [...longTests],
          setupFiles: ["test/support/own-time.ts"],
          globalSetup,
          provide: { oneCaseIn: 24, oneWalkIn: 24 },
        },
      },
      {
        extends: true,
        test: {
          name: "beside",
          include: ["test/**/*.test.ts"],
          exclude: [...appTests, ...architecture, ...longTests],
          globalSetup,
          provide: { oneCaseIn: 24, oneWalkIn: 24 },
        },
      },
      {
        extends: true,
        test: {
          name: "long",
          include: [...longTests, ...sampledTests],
          // Beside three others, each with processes of its own.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          globalSetup,
          provide: { oneCaseIn: 1, oneWalkIn: process.env["MUSTER_TEST_EVERY_CASE"] ? 1 : 6 },
        },
      },
    ],
  },
});
