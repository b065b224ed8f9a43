/** ISO 8601 durations in the exact units (weeks to seconds); months and years have no fixed length. */

const second = 1000;
const unitMs = { W: 604_800, D: 86_400, H: 3600, M: 60, S: 1 };
const pattern = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Milliseconds of a duration such as `PT24H` or `P7D`; undefined when it is not one, or is empty. */
export function durationMs(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match || text === "P" || text.endsWith("T")) return undefined;
  const amounts = match.slice(1).map((digits) => Number(digits ?? 0));
  const sum = Object.values(unitMs).reduce(
    (total, unit, index) => total + unit * (amounts[index] ?? 0),
    0,
  );
  return sum * second;
}
