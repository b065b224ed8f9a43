/**
 * Checks a list of devices while it comes, sends nothing and keeps nothing: what was found, which repairs there are, and
 * the repaired copy where it was asked for, judged like any other file.
 */
import type * as z from "zod";
import { type Result, succeed } from "../kernel/failure.ts";
import { type DeviceList, deviceNames } from "./contract.ts";
import { type RepairName, repairNames } from "./list/codes.ts";
import { judgeDevices, ListJudge, type Verdict } from "./list/judge.ts";
import type { ColumnKey } from "./list/layouts.ts";
import { type Repaired, repairLines } from "./list/repair.ts";

/** Reads a file once, and gives each piece of it away. */
type ReadPieces = (take: (piece: Uint8Array) => void) => Promise<Result<undefined>>;

/** Checks a file; `repair` names what is to be repaired in a copy. */
export async function checkFile(read: ReadPieces, repair: string | undefined) {
  const asked = repair === undefined ? undefined : new Set(repair.split(",") as RepairName[]);
  const judge = new ListJudge(asked === undefined ? undefined : repairLines(asked));
  const came = await read((piece) => {
    judge.write(piece);
  });
  if (!came.ok) return came;
  const verdict = judge.end();
  const repaired = judge.repaired();
  return succeed({
    ...answerOf(verdict),
    ...(repaired === undefined ? {} : { repaired: answerOfCopy(repaired) }),
  });
}

/** Checks devices that came as JSON. */
export function checkDevices({ devices }: z.output<typeof DeviceList>) {
  const keys = Object.entries(deviceNames) as [ColumnKey, keyof (typeof devices)[number]][];
  const { layout: _, ...verdict } = judgeDevices(
    devices.map((device) => Object.fromEntries(keys.map(([key, name]) => [key, device[name]]))),
    deviceNames,
  );
  return answerOf(verdict);
}

const answerOf = <V extends Omit<Verdict, "layout">>(verdict: V) => ({
  dryRun: true,
  ...verdict,
  repairsOffered: repairNames.filter((name) =>
    verdict.findings.some(({ repairBy }) => repairBy === name),
  ),
});

function answerOfCopy(repaired: Repaired) {
  if ("impossible" in repaired) return repaired;
  const { bytes, sha256, changes } = repaired;
  const again = new ListJudge();
  again.write(bytes);
  const { valid, errors, warnings } = again.end();
  const contentBase64 = bytes.toString("base64");
  return { contentBase64, bytes: bytes.length, sha256, changes, valid, errors, warnings };
}
