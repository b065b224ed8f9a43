/** Which rows need a new message because theirs was lost, and how few messages that takes. Pure. */
import type { Instant } from "../kernel/clock.ts";
import type { RowMark } from "./mark-store.ts";
import { rowsPerUnit } from "./planning.ts";

/** Consecutive rows for one message. */
export type OverdueUnit = {
  /** The rows that are overdue; those between them have nothing left to do. */
  readonly rows: readonly RowMark[];
  readonly from: string;
  readonly to: string;
  /** Something waits to be sent; otherwise only answers are missing. */
  readonly toSend: boolean;
};

/** True when neither a handler nor a sweeper has seen to the row since `before`. */
const isOverdue = ({ live, dueAt, nudgedAt }: RowMark, before: Instant): boolean =>
  live > 0 && dueAt < before && nudgedAt < before;

/**
 * Cuts rows, as they stand in their order, into units of overdue ones. A unit never reaches across a row that
 * somebody is at, or that waits for its turn: a message names all rows between its ends.
 */
export function overdueUnits(marks: readonly RowMark[], before: Instant): OverdueUnit[] {
  const units: OverdueUnit[] = [];
  let open: RowMark[] = [];
  let span = 0;
  const close = (): void => {
    const [first] = open;
    const last = open.at(-1);
    if (first && last) {
      const toSend = open.some(({ waiting }) => waiting > 0);
      units.push({ rows: open, from: first.lastDeviceId, to: last.lastDeviceId, toSend });
    }
    open = [];
    span = 0;
  };
  for (const mark of marks) {
    const mine = isOverdue(mark, before);
    if (span === rowsPerUnit || (!mine && mark.live > 0)) close();
    if (mine) open.push(mark);
    if (open.length > 0) span += 1;
  }
  close();
  return units;
}
