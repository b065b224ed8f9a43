/**
 * Deliveries packed into rows: up to 250 devices in one, of which at most 100 are to be sent, so that
 * a full row is one bulk call. Outcome and progress change in one write, because the counts stand in
 * the row beside the deliveries they count. Pure.
 */
import type { Instant } from "../../kernel/clock.ts";
import {
  type CountedState,
  countedStates,
  type Delivery,
  type DeliveryState,
  liveStates,
  shownState,
} from "./delivery.ts";

/** Most devices to be sent in a row: what Graph's bulk action takes in one request. */
export const maxSendable = 100;
/** Most devices in a row at all; keeps the text well inside a property's 64 KiB. */
export const maxInRow = 250;
/** Most characters of packed text in one property. */
const maxChars = 30_000;

/** How many deliveries are in each state. */
export type Counts = Readonly<Record<CountedState, number>>;

/** A row: consecutive devices in the order of their ids. */
export type DeliveryRow = {
  /** Id of the last device: the row that may hold a device is the first whose key is not below it. */
  readonly lastDeviceId: string;
  readonly deliveries: readonly Delivery[];
  /** When somebody should have touched the row again; the sweeper looks for rows far behind. */
  readonly dueAt: Instant;
};

/** Counts deliveries as they appear from outside. */
export function countOf(deliveries: readonly Delivery[]): Counts {
  const counts = emptyCounts();
  for (const { state } of deliveries) counts[shownState(state)] += 1;
  return counts;
}

/** Zero of every state. */
export const emptyCounts = (): Record<CountedState, number> => ({
  waiting: 0,
  sent: 0,
  done: 0,
  failed: 0,
  notSupported: 0,
  offline: 0,
  expired: 0,
  cancelled: 0,
  unknown: 0,
});

/** Adds counts. */
export function addCounts(left: Counts, right: Counts): Counts {
  const sum = emptyCounts();
  for (const state of countedStates) sum[state] = left[state] + right[state];
  return sum;
}

/** How many deliveries of a row still need somebody. */
export const liveOf = (deliveries: readonly Delivery[]): number =>
  deliveries.filter(({ state }) => liveStates.has(state)).length;

/** Cuts deliveries, sorted by device id, into rows. */
export function toRows(deliveries: readonly Delivery[], dueAt: Instant): DeliveryRow[] {
  const rows: DeliveryRow[] = [];
  let open: Delivery[] = [];
  let sendable = 0;
  const close = (): void => {
    const last = open.at(-1);
    if (last) rows.push({ lastDeviceId: last.deviceId, deliveries: open, dueAt });
    open = [];
    sendable = 0;
  };
  for (const delivery of deliveries) {
    const live = liveStates.has(delivery.state) ? 1 : 0;
    if (open.length === maxInRow || sendable + live > maxSendable) close();
    open.push(delivery);
    sendable += live;
  }
  close();
  return rows;
}

const letters: Readonly<Record<DeliveryState, string>> = {
  waiting: "w",
  claimed: "m",
  sent: "s",
  done: "d",
  failed: "f",
  notSupported: "n",
  offline: "o",
  expired: "e",
  cancelled: "c",
  unknown: "u",
};
const statesByLetter = new Map(
  Object.entries(letters).map(([state, letter]) => [letter, state as DeliveryState]),
);

type Packed = [
  id: string,
  name: string,
  state: string,
  route: number,
  at: number,
  attempts: number,
  markedAt: number,
  notBefore: number,
  alone: number,
  code: string,
  detail: string,
  claim: string,
  unclear: number,
  atMost: number,
];
const fixedFields = 6;

/** Packs deliveries into texts of at most a property's size each. */
export function pack(deliveries: readonly Delivery[]): string[] {
  const texts: string[] = [];
  let open = "";
  for (const delivery of deliveries) {
    const text = JSON.stringify(packOne(delivery));
    if (open.length + text.length + 2 > maxChars) {
      texts.push(`[${open}]`);
      open = "";
    }
    open = open === "" ? text : `${open},${text}`;
  }
  texts.push(`[${open}]`);
  return texts;
}

/** Unpacks what `pack` made. */
export function unpack(texts: readonly string[]): Delivery[] {
  return texts.flatMap((text) => (JSON.parse(text) as Packed[]).map(unpackOne));
}

function packOne(delivery: Delivery): unknown[] {
  const { deviceId, deviceName, state, route, at, attempts } = delivery;
  const { markedAt = 0, notBefore = 0, alone, code = "", detail = "" } = delivery;
  const { claim = "", unclear = 0, atMost = 0 } = delivery;
  const packed: Packed = [
    deviceId,
    deviceName,
    letters[state],
    route,
    at,
    attempts,
    markedAt,
    notBefore,
    alone ? 1 : 0,
    code,
    detail,
    claim,
    unclear,
    atMost,
  ];
  let length = packed.length;
  while (length > fixedFields && (packed[length - 1] === 0 || packed[length - 1] === ""))
    length -= 1;
  return packed.slice(0, length);
}

function unpackOne(packed: Packed): Delivery {
  const [deviceId, deviceName, letter, route, at, attempts] = packed;
  const [, , , , , , markedAt, notBefore, alone, code, detail, claim, unclear, atMost] = packed;
  const state = statesByLetter.get(letter);
  if (state === undefined) throw new Error(`a delivery row holds the unknown state "${letter}"`);
  return {
    deviceId,
    deviceName,
    state,
    route,
    at,
    attempts,
    ...(markedAt ? { markedAt } : {}),
    ...(notBefore ? { notBefore } : {}),
    ...(alone ? { alone: true } : {}),
    ...(code ? { code } : {}),
    ...(detail ? { detail } : {}),
    ...(claim ? { claim } : {}),
    ...(unclear ? { unclear } : {}),
    ...(atMost ? { atMost } : {}),
  };
}
