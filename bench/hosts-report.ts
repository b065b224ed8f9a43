/** What several host processes on one storage account do beside one, as tables. Pure. */
import type { Counted, Phase } from "./measures/counts.ts";
import type { Dispatch } from "./measures/dispatch.ts";
import { type ProvisioningRun, stepsOfRun } from "./measures/runs.ts";
import { type Processor } from "./setup/muster.ts";
import { locksIn, sumOf, type WireCounts } from "./setup/wire.ts";
import { type Cell, cell, table } from "./table.ts";

/** One fleet by so many hosts: timed, and once more counted. Each device was reached once, or there is no such run. */
export type HostsRun = {
  readonly hosts: number;
  readonly sent: Dispatch;
  readonly counted: Counted;
};

const kinds = ["hosts", "workers", "storage", "sandbox"] as const satisfies (keyof Processor)[];
const processorHead = kinds.map((kind) => `processor s: ${kind}`);
const refusedHead = ["refused 409 and 412", "of them", "messages", "taken again"];

/** Fleets, and a run of a template, each by one host and by several. */
export type Hosts = {
  readonly fleets: readonly HostsRun[];
  readonly runs: readonly ProvisioningRun[];
};

/** Tables of both; none where they were skipped. */
export function hostsTables(found: Hosts | undefined): string[] {
  if (found === undefined) return [];
  const { fleets, runs } = found;
  return [
    table(
      [
        "hosts, devices by bulk, each reached once",
        "s",
        "devices/s",
        "times one",
        ...processorHead,
        "all",
      ],
      fleets.map(timed),
    ),
    table(
      [
        "requests for each device",
        "tables and queues",
        "read",
        "written",
        "transactions",
        "queues",
        "Graph",
        "locks of hosts in all",
      ],
      fleets.flatMap(phasesOf).map(requestsOf),
    ),
    table(["answers", ...refusedHead], fleets.flatMap(phasesOf).map(answersOf)),
    table(
      [
        "a run of six actions",
        "s",
        ...processorHead,
        "storage for each device and action, without locks",
        ...refusedHead,
      ],
      runs.map(({ hosts, devices, seconds, processor, storage, locks, answers }) => [
        named(hosts, devices),
        seconds,
        ...kinds.map((kind) => processor[kind]),
        storage - locks / devices / stepsOfRun,
        ...refusals(answers),
      ]),
    ),
  ];

  function timed({ hosts, sent: { devices, seconds, perSecond, processor } }: HostsRun): Cell[] {
    const one = fleets.find(({ hosts: many, sent }) => many === 1 && sent.devices === devices);
    return [
      named(hosts, devices),
      seconds,
      perSecond,
      one && `${cell(perSecond / one.sent.perSecond)}x`,
      ...kinds.map((kind) => processor[kind]),
      kinds.reduce((sum, kind) => sum + processor[kind], 0),
    ];
  }
}

const named = (hosts: number, devices: number): string =>
  `${hosts}, ${devices.toLocaleString("en-US")}`;

type Part = { readonly name: string; readonly devices: number; readonly phase: Phase };

const phasesOf = ({ hosts, counted }: HostsRun): Part[] => {
  const { devices, dispatch, confirmation } = counted;
  const parts = { sending: dispatch, "reading back": confirmation };
  return Object.entries(parts).flatMap(([what, phase]) =>
    phase === undefined ? [] : [{ name: `${named(hosts, devices)}, ${what}`, devices, phase }],
  );
};

const requestsOf = ({ name, devices, phase: { storage, graph } }: Part): Cell[] => [
  name,
  (sumOf(storage, "table") + sumOf(storage, "queue")) / devices,
  ...["table read", "table write", "table transaction", "queue"].map(
    (kind) => sumOf(storage, kind) / devices,
  ),
  graph / devices,
  locksIn(storage),
];

const answersOf = ({ name, phase: { answers } }: Part): Cell[] => [name, ...refusals(answers)];

/** Conflicts, by table: neither rows that are not there, nor locks that another host has. */
function refusals(answers: WireCounts): Cell[] {
  const conflicts = Object.entries(answers).filter(([kind]) => /^4(?:09|12) (?!blob)/.test(kind));
  return [
    conflicts.reduce((sum, [, count]) => sum + count, 0),
    conflicts.map(([kind, count]) => `${count} ${kind}`).join(", "),
    sumOf(answers, "message taken"),
    sumOf(answers, "message taken again"),
  ];
}
