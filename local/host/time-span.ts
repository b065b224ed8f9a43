/** .NET time spans, the notation of durations in host.json: `[-][days.]hh:mm:ss[.fraction]`. */

const notation = /^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/;

/** Milliseconds of a time span, or undefined when `text` is not one. */
export function timeSpanMs(text: string): number | undefined {
  const [, sign, days, hours, minutes, seconds, fraction] = notation.exec(text.trim()) ?? [];
  if (hours === undefined || minutes === undefined) return undefined;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds ?? 0)];
  if (h > 23 || m > 59 || s > 59) return undefined;
  const whole = ((Number(days ?? 0) * 24 + h) * 60 + m) * 60 + s;
  const ms = whole * 1000 + Number(`0.${fraction ?? 0}`) * 1000;
  return sign ? -ms : ms;
}
