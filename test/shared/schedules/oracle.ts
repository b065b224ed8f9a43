/**
 * What a clock on the wall shows, minute by minute, by nothing but `Intl`, and when a job of a time of day runs by it:
 * at the first minute that shows the time, or, where the clock jumps over it, at the first minute behind the jump.
 */
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export type Span = { readonly from: number; readonly to: number };

/** The clock's digits at a moment: `2026-03-29T02:30`. */
function clockOf(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "short",
  });
  return (at) => format.format(at).replace(" ", "T");
}

/** One look at every minute of a span; answers for any time of day. */
export function walk(timeZone: string, { from, to }: Span) {
  const show = clockOf(timeZone);
  const firstAt = new Map<string, number>();
  const jumps: { readonly behind: string; readonly before: string; readonly at: number }[] = [];
  let before = show(from - minuteMs);
  for (let at = from; at < to; at += minuteMs) {
    const digits = show(at);
    if (!firstAt.has(digits)) firstAt.set(digits, at);
    if (Date.parse(`${digits}Z`) - Date.parse(`${before}Z`) > minuteMs)
      jumps.push({ behind: before, before: digits, at });
    before = digits;
  }
  const dates = new Set([...firstAt.keys()].map((digits) => digits.slice(0, 10)));
  for (const { behind, before: end } of jumps)
    for (let day = Date.parse(`${behind}Z`); day < Date.parse(`${end}Z`); day += 24 * hourMs)
      dates.add(new Date(day).toISOString().slice(0, 10));

  return (time: string, wanted: (date: string) => boolean = () => true): number[] => {
    const times = [...dates].filter(wanted).flatMap((date) => {
      const meant = `${date}T${time}`;
      const at =
        firstAt.get(meant) ?? jumps.find((jump) => jump.behind < meant && meant < jump.before)?.at;
      return at === undefined ? [] : [at];
    });
    return [...new Set(times)].toSorted((a, b) => a - b);
  };
}

/** Some days around each change of a zone's clock between two moments, and around their beginning. */
export function aroundChanges(timeZone: string, { from, to }: Span): Span[] {
  const show = clockOf(timeZone);
  const spans = [{ from, to: from + 3 * 24 * hourMs }];
  const ahead = (at: number) => Date.parse(`${show(at)}Z`) - at;
  for (let at = from + hourMs; at < to; at += hourMs)
    if (ahead(at) !== ahead(at - hourMs))
      spans.push({ from: at - 50 * hourMs, to: at + 50 * hourMs });
  return spans;
}
