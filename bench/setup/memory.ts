/** Peak memory and processor time of processes, as Linux keeps them. */
import { readFileSync, writeFileSync } from "node:fs";

/** Most resident memory since the start or the last reset, in MiB; undefined where /proc is absent. */
export function peakMiB(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return found ? Math.round(Number(found[1]) / 1024) : undefined;
  } catch {
    return undefined;
  }
}

/** Lets the peak of a process begin anew from what it holds now, where the system allows that. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Without it the peak is that of the process's whole life: never too low.
  }
}

/** Seconds of processor that a process has taken so far, in steps of a hundredth; undefined where /proc is absent. */
export function processorSeconds(pid: number): number | undefined {
  try {
    // Names may have spaces in them: the numbers are counted from behind the bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
