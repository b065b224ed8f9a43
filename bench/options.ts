/** What a run of the benchmark measures, from its command line. */
import { parseArgs } from "node:util";

/** Parts of the benchmark that can be left out. */
export const parts = [
  "load",
  "ceiling",
  "naive",
  "bullmq",
  "small",
  "muster",
  "counts",
  "hosts",
  "reading",
  "lists",
  "syncs",
  "nights",
  "registrations",
  "runs",
] as const;
export type Part = (typeof parts)[number];

/** Ways to send: one bulk request for 100 devices, or `$batch` with 20 parts. */
export const routes = ["bulk", "batch"] as const;
export type RouteKind = (typeof routes)[number];

export type BenchOptions = {
  /** Fleet sizes for Muster and for the ceiling. */
  readonly sizes: readonly number[];
  readonly routes: readonly RouteKind[];
  readonly skip: ReadonlySet<Part>;
  /** Devices of the naive twin and of BullMQ: what counts there is the rate. */
  /** Also measure what a worker holds that only sends. */
  readonly memory: boolean;
  readonly naiveDevices: number;
  readonly bullmqDevices: number;
  /** Devices of the tenant beside which small sendings are measured once more. */
  readonly neighbourDevices: number;
  /** Items of the tenant whose syncs are timed. */
  readonly items: number;
  /** Tenants of the nights that are timed, one number after the other. */
  readonly nights: readonly number[];
  /** Devices that are registered through Partner Center; a hundredth of them through Graph. */
  readonly registrations: number;
  /** Devices that are sent to by one host process and by several, one number after the other. */
  readonly hosts: readonly number[];
  /** Devices that are taken through a template of six actions, one number after the other. */
  readonly runs: readonly number[];
};

const help = `npm run bench -- [options]
  --sizes 1000,10000,100000   fleet sizes
  --million                   adds 1,000,000
  --memory                    adds what a worker holds that only sends
  --routes bulk,batch         ways to send
  --skip ${parts.join(",")}
  --naive 2000                devices of the naive twin
  --bullmq 10000              devices of BullMQ
  --neighbour 100000          devices under way while one of another tenant is sent to
  --items 2000                items of the tenant whose syncs are timed
  --nights 50,500             tenants of the nights that are timed
  --registrations 100000      devices registered through Partner Center, and a hundredth of them through Graph
  --hosts 10000               devices sent to by 1, 2 and 4 host processes on one storage account
  --runs 1000,10000           devices taken through a template of six actions`;

/** Reads the command line. @throws One line for people when something in it is unknown. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sizes: { type: "string", default: "1000,10000,100000" },
      million: { type: "boolean", default: false },
      memory: { type: "boolean", default: false },
      routes: { type: "string", default: routes.join(",") },
      skip: { type: "string", default: "" },
      naive: { type: "string", default: "2000" },
      bullmq: { type: "string", default: "10000" },
      neighbour: { type: "string", default: "100000" },
      items: { type: "string", default: "2000" },
      nights: { type: "string", default: "50,500" },
      registrations: { type: "string", default: "100000" },
      hosts: { type: "string", default: "10000" },
      runs: { type: "string", default: "1000,10000" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) throw new Error(help);
  const sizes = listOf(values.sizes).map(countOf);
  return {
    sizes: values.million ? [...sizes, 1_000_000] : sizes,
    routes: listOf(values.routes).map((name) => oneOf(routes, name)),
    memory: values.memory,
    skip: new Set(listOf(values.skip).map((name) => oneOf(parts, name))),
    naiveDevices: countOf(values.naive),
    bullmqDevices: countOf(values.bullmq),
    neighbourDevices: countOf(values.neighbour),
    items: countOf(values.items),
    nights: listOf(values.nights).map(countOf),
    registrations: countOf(values.registrations),
    hosts: listOf(values.hosts).map(countOf),
    runs: listOf(values.runs).map(countOf),
  };
}

const listOf = (text: string): string[] => text.split(",").filter((item) => item !== "");

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`"${text}" is no number of devices`);
  return count;
}

function oneOf<T extends string>(known: readonly T[], name: string): T {
  const found = known.find((each) => each === name);
  if (found === undefined) throw new Error(`"${name}" is none of ${known.join(", ")}`);
  return found;
}
