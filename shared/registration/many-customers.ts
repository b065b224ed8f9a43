/**
 * One list for many customers: each of its devices names whose it is. It is taken apart, and each customer's share is
 * judged and registered by itself, with the rows and lines that it has in the whole.
 */
import type * as z from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/values.ts";
import { type ReadPieces, type TakenList, takeDevices, takeFile } from "./check-list.ts";
import type { CustomerList } from "./contract.ts";

/** A customer's share of a list, not judged yet. */
export type Share = {
  /** As the list has it, in lower case. */
  readonly customer: string;
  readonly rows: number;
  readonly take: (ownTags: readonly string[]) => Promise<Result<TakenList>>;
};

/** The shares of devices that came as JSON. */
export function sharesOfDevices({ devices }: z.output<typeof CustomerList>): Result<Share[]> {
  const places = new Map<string, number[]>();
  for (const [at, { customer }] of devices.entries())
    places.set(customer, [...(places.get(customer) ?? []), at + 1]);
  return within(
    [...places].map(([customer, rows]) => ({
      customer,
      rows: rows.length,
      take: (ownTags) => {
        const some = rows.flatMap((row) => {
          const { customer: _, ...device } = devices[row - 1] ?? { customer };
          return [device];
        });
        return Promise.resolve(succeed(inWhole(takeDevices({ devices: some }, ownTags), rows)));
      },
    })),
  );
}

const column = "Customer,";
const lineFeed = 0x0a;

/** The shares of a file whose first column is `Customer`: the rest of each line is as it is in lists of one customer. */
export async function sharesOfFile(read: ReadPieces): Promise<Result<Share[]>> {
  const pieces: Buffer[] = [];
  const came = await read((piece) => {
    pieces.push(Buffer.from(piece));
  });
  if (!came.ok) return came;
  const lines = linesOf(Buffer.concat(pieces));
  const header = lines[0]?.toString("latin1") ?? "";
  if (!header.startsWith(column))
    return fail(
      "invalid-request",
      'The first column has to be "Customer", with tenant ids; the others are as in a list for one tenant, in ANSI.',
    );
  const shares = new Map<string, { rows: number[]; lines: number[]; text: Buffer[] }>();
  let row = 0;
  for (const [at, line] of lines.entries()) {
    const text = line.toString("latin1");
    if (at === 0 || text.trim() === "") continue;
    row += 1;
    const comma = text.indexOf(",");
    const customer = (comma < 0 ? text : text.slice(0, comma)).trim().toLowerCase();
    const share = shares.get(customer) ?? { rows: [], lines: [], text: [] };
    shares.set(customer, share);
    share.rows.push(row);
    share.lines.push(at + 1);
    share.text.push(line.subarray(comma < 0 ? line.length : comma + 1));
  }
  if (row === 0) return fail("invalid-request", noDevice);
  const first = (lines[0] ?? Buffer.alloc(0)).subarray(column.length);
  return within(
    [...shares].map(([customer, share]) => ({
      customer,
      rows: share.rows.length,
      take: async (ownTags) => {
        const file = Buffer.concat([first, ...share.text]);
        const taken = await takeFile(pieceOf(file), undefined, ownTags);
        return taken.ok ? succeed(inWhole(taken.value, share.rows, [1, ...share.lines])) : taken;
      },
    })),
  );
}

const noDevice = "No line behind the header has a device. Lines end with CR LF, or with LF.";

/** Each customer takes some requests to storage, all within one request. */
const maxCustomers = 1_000;

/** Shares of not too many customers. */
const within = (shares: Share[]): Result<Share[]> =>
  shares.length <= maxCustomers
    ? succeed(shares)
    : fail(
        "invalid-request",
        `The list is for ${shares.length} customers; one request takes ${maxCustomers}. Split it.`,
      );

const pieceOf =
  (file: Buffer): ReadPieces =>
  (take) => {
    take(file);
    return Promise.resolve(succeed(undefined));
  };

function linesOf(file: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  while (from < file.length) {
    const end = file.indexOf(lineFeed, from);
    const to = end < 0 ? file.length : end + 1;
    lines.push(file.subarray(from, to));
    from = to;
  }
  return lines;
}

/** What was found of a share, by the rows and lines of the whole. */
function inWhole(
  { verdict, devices, ...rest }: TakenList,
  rows: readonly number[],
  lines: readonly number[] = [],
): TakenList {
  const rowOf = (row: number): number => rows[row - 1] ?? row;
  const findings = verdict.findings.map((finding) => ({
    ...finding,
    row: finding.row === null ? null : rowOf(finding.row),
    line: finding.line === null ? null : (lines[finding.line - 1] ?? finding.line),
  }));
  const moved = devices.map((device) => ({ ...device, row: rowOf(device.row) }));
  return { ...rest, verdict: { ...verdict, findings }, devices: moved };
}

/** The id of a customer's registration: the same again for the same request. */
export const registrationIdOf = (seed: string, customer: string): string =>
  seed.slice(0, 10) + digest(seed, customer).slice(0, 12);
