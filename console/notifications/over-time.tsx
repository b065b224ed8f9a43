/**
 * How a notification went, as a picture: devices that had ended, by time. One that has ended is drawn from its deliveries;
 * one that goes on, or is too large for that, from what this page has seen of it.
 */
import { makeStyles, tokens, Text as Words } from "@fluentui/react-components";
import { useEffect, useState } from "react";
import { useReadList } from "../api/read.ts";
import { type Counts, colours, type Notification } from "./counts.tsx";
import { spanOf } from "./dry-run.tsx";
import { useText } from "./text.ts";

/** So many seconds after the beginning: how many had done it, how many had been asked and ended, and how many had ended. */
type Sample = {
  readonly seconds: number;
  readonly done: number;
  readonly asked: number;
  readonly ended: number;
};

/** More are not read for a picture. */
const mostDrawn = 5000;
const mostSamples = 300;
/** What this page has seen, by notification. */
const seen = new Map<string, Sample[]>();

const useStyles = makeStyles({
  picture: {
    width: "100%",
    maxWidth: "720px",
    height: "140px",
    display: "block",
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
    borderLeft: `1px solid ${tokens.colorNeutralStroke1}`,
    forcedColorAdjust: "none",
  },
  axis: {
    display: "flex",
    justifyContent: "space-between",
    maxWidth: "720px",
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
  },
});

const endedOf = ({ total, waiting, sent }: Counts): number => total - waiting - sent;

/** Notes what is shown now, so that the picture grows while somebody looks. */
function useSeen(notification: Notification, counts: Counts): readonly Sample[] {
  const { notificationId, createdAt, finishedAt } = notification;
  const [samples, setSamples] = useState<readonly Sample[]>(seen.get(notificationId) ?? []);
  const [ended, done] = [endedOf(counts), counts.done];
  const asked = ended - counts.notSupported - counts.cancelled;
  useEffect(() => {
    const at = finishedAt === undefined ? Date.now() : Date.parse(finishedAt);
    const seconds = Math.max(0, (at - Date.parse(createdAt)) / 1000);
    let noted = [...(seen.get(notificationId) ?? []), { seconds, done, asked, ended }];
    if (noted.length > mostSamples) noted = noted.filter((_each, index) => index % 2 === 0);
    seen.set(notificationId, noted);
    setSamples(noted);
  }, [notificationId, createdAt, finishedAt, done, asked, ended]);
  return samples;
}

/** From the deliveries, once all of them are read; undefined before. */
function useDeliveries({ tenantId, notificationId, createdAt }: Notification, enabled: boolean) {
  const { body, hasMore, readMore } = useReadList(
    "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries",
    { params: { tenantId, notificationId }, query: { top: 1000 } },
    { enabled },
  );
  useEffect(() => {
    if (enabled && hasMore) readMore();
  }, [enabled, hasMore, readMore]);
  if (!enabled || body === undefined || hasMore) return undefined;
  return samplesOf(body, Date.parse(createdAt));
}

/** One after the other, as they ended. */
function samplesOf(
  deliveries: readonly { readonly at: string; readonly state: string }[],
  begin: number,
): readonly Sample[] {
  let [done, asked, ended] = [0, 0, 0];
  return deliveries
    .map(({ at, state }) => ({ seconds: Math.max(0, (Date.parse(at) - begin) / 1000), state }))
    .toSorted((one, other) => one.seconds - other.seconds)
    .map(({ seconds, state }) => {
      ended += 1;
      if (state === "done") done += 1;
      if (state !== "notSupported" && state !== "cancelled") asked += 1;
      return { seconds, done, asked, ended };
    });
}

const [width, height] = [720, 140];

/** The area beneath a line that goes up in steps. */
function areaOf(
  samples: readonly Sample[],
  end: number,
  total: number,
  what: "done" | "asked" | "ended",
) {
  const x = (seconds: number): number => Math.round((seconds / end) * width * 10) / 10;
  const y = (count: number): number => Math.round((1 - count / total) * height * 10) / 10;
  const steps = samples.map((sample) => `H${x(sample.seconds)}V${y(sample[what])}`);
  return `M0,${height}${steps.join("")}H${width}V${height}Z`;
}

export function OverTime({ notification, counts }: { notification: Notification; counts: Counts }) {
  const t = useText();
  const styles = useStyles();
  const isDrawn = notification.final && counts.total <= mostDrawn;
  const watched = useSeen(notification, counts);
  const samples = useDeliveries(notification, isDrawn) ?? watched;
  const end = Math.max(1, samples.at(-1)?.seconds ?? 1);
  if (counts.total === 0 || samples.length < 2)
    return <Words>{t("notifications.noPicture")}</Words>;
  const half = samples.find(({ ended }) => ended >= counts.total / 2)?.seconds;
  const words = t("notifications.picture", {
    ended: endedOf(counts),
    total: counts.total,
    span: spanOf(end, t),
    half: half === undefined ? "" : spanOf(half, t),
    hasHalf: half === undefined ? "no" : "yes",
  });
  return (
    <figure style={{ margin: 0 }}>
      <svg
        className={styles.picture}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        <path d={areaOf(samples, end, counts.total, "ended")} fill={colours.notSupported} />
        <path d={areaOf(samples, end, counts.total, "asked")} fill={colours.failed} />
        <path d={areaOf(samples, end, counts.total, "done")} fill={colours.done} />
      </svg>
      <div className={styles.axis}>
        <span>{t.dateTime(notification.createdAt)}</span>
        <span>{spanOf(end, t)}</span>
      </div>
      <figcaption>{words}</figcaption>
    </figure>
  );
}
