/**
 * Checks a list of devices while it comes, sends nothing and keeps nothing: what was found, which repairs there are, and
 * the repaired copy where it was asked for, judged like any other file. For a registration also the devices themselves.
 */
import { createHash } from "node:crypto";
import type * as z from "zod";
import { inChunks } from "../kernel/concurrency.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { type DeviceList, deviceNames } from "./contract.ts";
import { type RepairName, repairNames } from "./list/codes.ts";
import { judgeDevices, type ListedDevice, ListJudge, type Verdict } from "./list/judge.ts";
import { type ColumnKey, columns } from "./list/layouts.ts";
import { type Repaired, repairLines } from "./list/repair.ts";

/** Reads a file once, and gives each piece of it away. */
export type ReadPieces = (take: (piece: Uint8Array) => void) => Promise<Result<undefined>>;

const repairingOf = (repair: string | undefined) =>
  repair === undefined ? undefined : repairLines(new Set(repair.split(",") as RepairName[]));

/** Checks a file; `repair` names what is to be repaired in a copy. */
export async function checkFile(
  read: ReadPieces,
  repair: string | undefined,
  ownTags: readonly string[] = [],
  isCorporate = false,
) {
  const judge = new ListJudge(repairingOf(repair), false, ownTags, isCorporate);
  const came = await read((piece) => {
    judge.write(piece);
  });
  if (!came.ok) return came;
  const verdict = judge.end();
  const repaired = judge.repaired();
  return succeed({
    ...answerOf(verdict),
    ...(repaired === undefined ? {} : { repaired: answerOfCopy(repaired, ownTags, isCorporate) }),
  });
}

/** Checks devices that came as JSON. */
export const checkDevices = (list: DeviceRows, ownTags: readonly string[] = []) => {
  const { layout: _, ...verdict } = judgeDevices(hardwareIn(list), deviceNames, ownTags).verdict;
  return answerOf(verdict);
};

type DeviceRows = z.output<typeof DeviceList>;

const hardwareIn = ({ devices }: DeviceRows) => {
  const keys = Object.entries(deviceNames) as [ColumnKey, keyof (typeof devices)[number]][];
  return devices.map((device) =>
    Object.fromEntries(keys.map(([key, name]) => [key, device[name]])),
  );
};

/** A list that is to be registered: what was found of it, its devices, and what came, byte for byte. */
export type TakenList = {
  readonly verdict: Omit<Verdict, "layout">;
  readonly devices: readonly ListedDevice[];
  readonly original: Buffer;
  readonly sha256: string;
};

/** Takes a file; with `repair` it is the repaired copy that is judged and registered. */
export async function takeFile(
  read: ReadPieces,
  repair: string | undefined,
  ownTags: readonly string[] = [],
  isCorporate = false,
): Promise<Result<TakenList>> {
  const pieces: Uint8Array[] = [];
  const judge = new ListJudge(repairingOf(repair), true, ownTags, isCorporate);
  const came = await read((piece) => {
    pieces.push(Buffer.from(piece));
    judge.write(piece);
  });
  if (!came.ok) return came;
  const { sha256, ...verdict } = judge.end();
  const original = Buffer.concat(pieces);
  const repaired = judge.repaired();
  if (repaired === undefined || "impossible" in repaired)
    return succeed({ verdict, devices: judge.devices(), original, sha256 });
  const again = new ListJudge(undefined, true, ownTags, isCorporate);
  again.write(repaired.bytes);
  return succeed({ verdict: again.end(), devices: again.devices(), original, sha256 });
}

/** Takes devices that came as JSON. */
export function takeDevices(list: DeviceRows, ownTags: readonly string[] = []): TakenList {
  const original = Buffer.from(JSON.stringify(list));
  const sha256 = createHash("sha256").update(original).digest("hex");
  return { ...judgeDevices(hardwareIn(list), deviceNames, ownTags), original, sha256 };
}

const partnerColumns = ["serial", "productId", "hash", "manufacturer", "model"] as const;
/** As many as the portal takes. */
const rowsPerFile = 500;
/** What ANSI has in every language, so that nobody reads other letters. */
const isPlain = (line: string): boolean => /^[ -~]*$/.test(line);

/**
 * The devices of a list as clean files for Partner Center's portal: one for each group tag, which is typed in there, since
 * no column is for it. Rows with faults, and those whose letters ANSI does not have everywhere, are left out and counted.
 */
export function filesOf({ verdict, devices }: TakenList) {
  const header = partnerColumns.map((key) => columns[key]).join(",");
  const byTag = new Map<string | undefined, string[]>();
  let rows = 0;
  for (const { hardware, refused } of verdict.fileRejected ? [] : devices) {
    const line = partnerColumns.map((key) => hardware[key] ?? "").join(",");
    if (refused !== undefined || !isPlain(line)) continue;
    rows += 1;
    byTag.set(hardware.tag, [...(byTag.get(hardware.tag) ?? []), line]);
  }
  const files = [...byTag].flatMap(([groupTag, lines]) =>
    inChunks(lines, rowsPerFile).map((some) => ({
      ...(groupTag === undefined ? {} : { groupTag }),
      rows: some.length,
      contentBase64: Buffer.from(`${[header, ...some].join("\r\n")}\r\n`).toString("base64"),
    })),
  );
  return { ...answerOf(verdict), files, rowsLeftOut: verdict.rows - rows };
}

const answerOf = <V extends Omit<Verdict, "layout">>(verdict: V) => ({
  dryRun: true,
  ...verdict,
  repairsOffered: repairNames.filter((name) =>
    verdict.findings.some(({ repairBy }) => repairBy === name),
  ),
});

function answerOfCopy(repaired: Repaired, ownTags: readonly string[], isCorporate: boolean) {
  if ("impossible" in repaired) return repaired;
  const { bytes, sha256, changes } = repaired;
  const again = new ListJudge(undefined, false, ownTags, isCorporate);
  again.write(bytes);
  const { valid, errors, warnings } = again.end();
  const contentBase64 = bytes.toString("base64");
  return { contentBase64, bytes: bytes.length, sha256, changes, valid, errors, warnings };
}
