/** The benchmark's results as tables for people. Pure. */
import type { BullmqRun } from "./bullmq/measure.ts";
import { type Hosts, hostsTables } from "./hosts-report.ts";
import type { Ceiling } from "./measures/ceiling.ts";
import type { Counted, Phase } from "./measures/counts.ts";
import type { DeviceLists } from "./measures/device-lists.ts";
import type { Dispatch } from "./measures/dispatch.ts";
import type { LiveMemory } from "./measures/live-memory.ts";
import type { BundleLoad } from "./measures/load.ts";
import type { RegistrationRun } from "./measures/registrations.ts";
import type { ProvisioningRun } from "./measures/runs.ts";
import { type Several, type Small, smallFleet, type Thousands } from "./measures/small.ts";
import type { Beside, LargeSync, Night, Publication, SyncCounts } from "./measures/syncs.ts";
import { emptyPoll, sumOf } from "./setup/wire.ts";
import { type Cell, cell, table } from "./table.ts";

/** Everything one run found out; absent parts were skipped. */
export type Results = {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly startedAt: string;
  load?: BundleLoad;
  ceiling?: Ceiling;
  naive?: { readonly perSecond: number };
  bullmq?: { readonly each: BullmqRun; readonly bulk: BullmqRun } | { readonly skipped: string };
  small?: Small;
  lists?: DeviceLists[];
  readonly dispatch: Dispatch[];
  readonly counted: Counted[];
  readonly memory: LiveMemory[];
  syncs?: { readonly large: LargeSync; readonly counts: SyncCounts };
  nights?: readonly Night[];
  publication?: Publication;
  registrations?: readonly RegistrationRun[];
  runs?: readonly ProvisioningRun[];
  hosts?: Hosts;
  /** Devices and steps that BullMQ did in a second. */
  bullmqSteps?: { readonly each: number; readonly bulk: number };
};

/** All tables of a run. */
export function report(results: Results): string {
  const { machine } = results;
  const sections = [
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", "),
    ...load(results),
    ...speed(results),
    ...small(results),
    ...deviceLists(results),
    ...requests(results.counted),
    ...refreshes(results),
    ...reads(results.counted),
    ...hostsTables(results.hosts),
    ...memories(results.memory),
    ...syncs(results),
    ...syncRequests(results),
    ...registrations(results),
    ...provisioning(results),
  ];
  return sections.join("\n\n");
}

/** What is loaded first by itself, and the largest of the rest. */
function load({ load: found }: Results): string[] {
  if (found === undefined) return [];
  const { ms, processorMs, parts } = found;
  const all = Object.entries(parts);
  const shown = [
    ...all.filter(([, { isFirst }]) => isFirst),
    ...all.filter(([, { isFirst }]) => !isFirst).slice(0, 10),
  ];
  const rows = shown.map(([name, { bytes, isFirst }]): Cell[] => [
    name,
    bytes / 1024,
    isFirst ? "at once" : "when needed",
  ]);
  const total = all.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  return [
    table(
      [`the bundle, of ${all.length} parts`, "KiB", "loaded"],
      [...rows, ["all of them", total / 1024, undefined]],
    ),
    `what is loaded at once takes ${cell(ms)} ms, ${cell(processorMs)} ms of the processor`,
  ];
}

function speed({ ceiling, naive, bullmq, dispatch }: Results): string[] {
  const rates: [string, Cell][] = [
    ...Object.entries(ceiling?.entities ?? {}).map(([size, rate]): [string, Cell] => [
      `Azurite: entities/s in transactions of 100, table filling to ${cell(Number(size))}`,
      rate,
    ]),
    ["Azurite: messages sent/s", ceiling?.queueSend],
    ["Azurite: messages received and deleted/s", ceiling?.queueReceiveDelete],
    ["naive twin: devices/s", naive?.perSecond],
  ];
  if (bullmq && "skipped" in bullmq)
    rates.push(["BullMQ: devices/s", `skipped: ${bullmq.skipped}`]);
  const queue = bullmq && "each" in bullmq ? bullmq : undefined;
  if (queue)
    rates.push(
      ["BullMQ, a Graph call per device: devices/s", queue.each.perSecond],
      ["BullMQ, gathered into bulk calls of 100: devices/s", queue.bulk.perSecond],
    );
  const rows = dispatch.map((run): Cell[] => {
    const over = (rate: number | undefined): Cell => rate && `${cell(run.perSecond / rate)}x`;
    return [
      `${run.route}, ${run.devices.toLocaleString("en-US")}`,
      run.seconds,
      run.perSecond,
      over(ceiling?.entities[run.devices]),
      over(naive?.perSecond),
      over(queue?.each.perSecond),
      over(queue?.bulk.perSecond),
      run.firstDeviceMs,
      run.workerMiB.dispatch,
      run.hostMiB.dispatch,
      run.workerMiB.refresh,
      run.hostMiB.refresh,
    ];
  });
  return [
    table(["alone", "rate"], rates),
    table(
      [
        "Muster",
        "s",
        "devices/s",
        "Azurite",
        "naive",
        "BullMQ",
        "BullMQ bulk",
        "first ms",
        "worker MiB",
        "host MiB",
        "worker, refresh",
        "host, refresh",
      ],
      rows,
    ),
  ];
}

const deviceLists = ({ lists = [] }: Results): string[] =>
  lists.length === 0
    ? []
    : [
        table(
          ["device lists", "rows/s", "MB/s", "csv-parse alone, rows/s", "MB/s", "ratio"],
          lists.map(({ name, judged, parsed }) => [
            name,
            judged.rowsPerSecond,
            judged.megabytesPerSecond,
            parsed.rowsPerSecond,
            parsed.megabytesPerSecond,
            `${cell(judged.rowsPerSecond / parsed.rowsPerSecond)}x`,
          ]),
        ),
      ];

const one = (name: string, { middle, worst, count }: Several): Cell[] => [
  name,
  middle,
  worst,
  count,
  undefined,
  undefined,
];

const thousand = (name: string, { seconds, firstDeviceMs }: Thousands): Cell[] => [
  ...one(name, firstDeviceMs).slice(0, 4),
  seconds,
  smallFleet / seconds,
];

function small({ small: mine, bullmq }: Results): string[] {
  const queue = bullmq && "each" in bullmq ? bullmq : undefined;
  const rows = [
    ...(mine
      ? [
          one("Muster, one device", mine.alone),
          one(
            `Muster, one device beside a neighbour's ${cell(mine.neighbourDevices)}`,
            mine.besideNeighbour,
          ),
          thousand("Muster, 1,000 devices", mine.thousand),
        ]
      : []),
    ...(queue
      ? [
          thousand("BullMQ, 1,000 devices, a Graph call each", queue.each.thousand),
          thousand("BullMQ, 1,000 devices, bulk calls of 100", queue.bulk.thousand),
        ]
      : []),
  ];
  const head = ["small sendings", "first device ms", "worst ms", "of", "all s", "devices/s"];
  return rows.length === 0 ? [] : [table(head, rows)];
}

const besideBare = (name: string, { seconds, bareSeconds, processor }: Beside): Cell[] => [
  name,
  seconds,
  bareSeconds,
  `${cell(seconds / bareSeconds)}x`,
  processor.worker,
  processor.loop,
  processor.storage,
];

function syncs({ syncs: mine, nights = [], publication }: Results): string[] {
  const rows = [
    ...(mine === undefined
      ? []
      : [
          besideBare(
            `first sync, ${mine.large.items.toLocaleString("en-US")} items`,
            mine.large.first,
          ),
          besideBare(
            `nothing changed, ${mine.large.items.toLocaleString("en-US")} items`,
            mine.large.unchanged,
          ),
        ]),
    ...nights.map((night) => [
      ...besideBare(`night, ${night.tenants.toLocaleString("en-US")} tenants`, night),
      night.workerMiB,
      night.hostMiB,
    ]),
    ...(publication === undefined
      ? []
      : [
          besideBare(
            `published, planned by ${publication.tenants.toLocaleString("en-US")} tenants`,
            publication,
          ),
        ]),
  ];
  const processor = ["worker", "bare loop", "storage"].map((name) => `processor s: ${name}`);
  const head = ["syncs", "s", "bare loop s", "times", ...processor, "worker MiB", "host MiB"];
  return rows.length === 0 ? [] : [table(head, rows)];
}

function syncRequests({ syncs: mine }: Results): string[] {
  if (mine === undefined) return [];
  const { items, storage, graph, graphParts, bareGraph, bareGraphParts } = mine.counts;
  const head = ["requests in all", "table", "queue", "blobs read", "written", "Graph", "parts"];
  const name = `nothing changed, ${items.toLocaleString("en-US")} items`;
  return [
    table(head, [
      [
        name,
        sumOf(storage, "table"),
        sumOf(storage, "queue"),
        sumOf(storage, "blob read muster"),
        sumOf(storage, "blob write muster"),
        graph,
        graphParts,
      ],
      ["bare loop", 0, 0, 0, 0, bareGraph, bareGraphParts],
    ]),
  ];
}

function provisioning({ runs = [], bullmqSteps }: Results): string[] {
  if (runs.length === 0) return [];
  const head = [
    "runs of six actions",
    "s",
    "devices x actions/s",
    "BullMQ",
    "BullMQ bulk",
    "storage each",
  ];
  const rows = runs.map(({ devices, seconds, perSecond, storage, workerMiB, hostMiB }) => [
    devices.toLocaleString("en-US"),
    seconds,
    perSecond,
    bullmqSteps?.each,
    bullmqSteps?.bulk,
    storage,
    workerMiB,
    hostMiB,
  ]);
  return [table([...head, "worker MiB", "host MiB"], rows)];
}

function registrations({ registrations: runs = [] }: Results): string[] {
  const head = ["registrations", "s", "storage", "table", "queue", "blob", "service", "parts"];
  const rows = runs.map(({ backEnd, devices, counted, workerMiB, hostMiB }): Cell[] => [
    `${backEnd}, ${devices.toLocaleString("en-US")}`,
    counted.seconds,
    counted.storageTotal / devices,
    ...["table", "queue", "blob"].map((kind) => sumOf(counted.storage, kind) / devices),
    counted.graph / devices,
    counted.graphParts / devices,
    workerMiB,
    hostMiB,
  ]);
  return rows.length === 0 ? [] : [table([...head, "worker MiB", "host MiB"], rows)];
}

function requests(counted: readonly Counted[]): string[] {
  const rows = counted.flatMap((run) => [
    phaseRow(run, "dispatch", run.dispatch),
    ...(run.confirmation ? [phaseRow(run, "confirmation", run.confirmation)] : []),
  ]);
  if (rows.length === 0) return [];
  return [
    table(
      [
        "requests per device",
        "storage",
        "table",
        "queue",
        "blob",
        "Graph",
        "Graph parts",
        "s",
        "empty polls in all",
      ],
      rows,
    ),
  ];
}

function phaseRow({ route, devices }: Counted, name: string, phase: Phase): Cell[] {
  const per = (prefix: string): number => sumOf(phase.storage, prefix) / devices;
  return [
    `${name}, ${route}, ${devices.toLocaleString("en-US")}`,
    phase.storageTotal / devices,
    per("table"),
    per("queue"),
    per("blob"),
    phase.graph / devices,
    phase.graphParts / devices,
    phase.seconds,
    phase.storage[emptyPoll] ?? 0,
  ];
}

function refreshes({ dispatch, counted }: Results): string[] {
  const rows = counted.flatMap((run) => {
    const timedRun = dispatch.find(
      (each) => each.devices === run.devices && each.route === run.route,
    );
    const row = (name: string, phase: Phase | undefined, seconds?: number): Cell[][] =>
      phase === undefined
        ? []
        : [
            [
              `${name}, ${run.devices.toLocaleString("en-US")}`,
              seconds,
              phase.seconds,
              phase.storageTotal / run.devices,
              phase.storageTotal,
              phase.graph,
            ],
          ];
    if (run.sameRefresh === undefined) return [];
    return [
      ...row("first", run.firstRefresh, timedRun?.refreshSeconds),
      ...row("nothing changed", run.sameRefresh),
      ...row("1 % changed", run.changedRefresh),
    ];
  });
  if (rows.length === 0) return [];
  const head = [
    "directory refresh",
    "s",
    "s while counted",
    "storage per device",
    "storage",
    "Graph",
  ];
  return [table(head, rows)];
}

function reads(counted: readonly Counted[]): string[] {
  const rows = counted.flatMap(({ devices, reading }) =>
    Object.entries(reading ?? {}).map(([name, { storage, ms }]): Cell[] => [
      `${name}, ${devices.toLocaleString("en-US")}`,
      sumOf(storage, "table"),
      Object.entries(storage)
        .map(([kind, count]) => `${count} ${kind.replace("table read ", "")}`)
        .join(", "),
      ms,
    ]),
  );
  return rows.length === 0 ? [] : [table(["reading", "storage reads", "of", "ms"], rows)];
}

function memories(measured: readonly LiveMemory[]): string[] {
  const rows = measured.map(({ route, devices, peak, live }): Cell[] => [
    `${route}, ${devices.toLocaleString("en-US")}`,
    peak,
    live.first,
    live.second,
    live.most,
    live.after,
  ]);
  const head = [
    "a worker that only sends, MiB",
    "peak",
    "live heap, first half",
    "second half",
    "most",
    "afterwards",
  ];
  return rows.length === 0 ? [] : [table(head, rows)];
}
