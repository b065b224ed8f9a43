/** Showing and clearing what is kept of the past: the ledger of effects, and the counts of Graph requests. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Ledger, LedgerFilter } from "../ledger.ts";
import { type ControlHandler, refuse } from "./call.ts";

/** Rows written at once; in between, other requests get their turn. */
const rowsAtOnce = 2_000;

/** `GET /_sandbox/ledger[?tenantId=&action=&since=]`: one JSON object per line, oldest first. */
export const showLedger: ControlHandler = async ({ state, query, response }) => {
  const sinceText = query.get("since");
  const since = sinceText === null ? undefined : Date.parse(sinceText);
  if (Number.isNaN(since)) return refuse('"since" must be an ISO 8601 time');
  const filter = { ...tenantAndAction(query), since };
  response.writeHead(200, { "Content-Type": "application/x-ndjson" });
  // A reader that goes away in the middle is no fault of ours.
  await pipeline(Readable.from(chunks(state.ledger, filter)), response).catch(() => {});
  return undefined;
};

/** `GET /_sandbox/ledger/summary[?tenantId=&action=]`. */
export const showLedgerSummary: ControlHandler = ({ state, query }) => ({
  status: 200,
  body: state.ledger.summary(tenantAndAction(query)),
});

/** `DELETE /_sandbox/ledger`. */
export const clearLedger: ControlHandler = ({ state }) => {
  state.ledger.clear();
  state.registrations.clear();
  state.configurationWrites.length = 0;
  return { status: 204 };
};

/** `GET /_sandbox/registrations?tenantId=`: hardware that was handed in, and what of it more than once. */
export const showRegistrations: ControlHandler = ({ state, query }) => ({
  status: 200,
  body: state.registrations.summary(query.get("tenantId") ?? undefined),
});

function tenantAndAction(query: URLSearchParams): LedgerFilter {
  return {
    tenantId: query.get("tenantId") ?? undefined,
    action: query.get("action") ?? undefined,
  };
}

function* chunks(ledger: Ledger, filter: LedgerFilter): Generator<string> {
  const end = ledger.length();
  for (let from = 0; from < end; from += rowsAtOnce) {
    const text = lines(ledger, from, Math.min(end, from + rowsAtOnce), filter);
    if (text !== "") yield text;
  }
}

function lines(ledger: Ledger, from: number, to: number, filter: LedgerFilter): string {
  let text = "";
  for (let position = from; position < to; position += 1) {
    const row = ledger.row(position, filter);
    if (row === undefined) continue;
    text += `${JSON.stringify({ ...row, time: new Date(row.time).toISOString() })}\n`;
  }
  return text;
}

// The counts of Graph requests.

/** `GET /_sandbox/requests`. */
export const showRequests: ControlHandler = ({ state }) => ({
  status: 200,
  body: state.requests.read(),
});

/** `DELETE /_sandbox/requests`. */
export const resetRequests: ControlHandler = ({ state }) => {
  state.requests.reset();
  return { status: 204 };
};
