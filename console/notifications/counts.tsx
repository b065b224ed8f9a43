/** What became of a notification in numbers: a sentence, a bar whose parts add up to it, and a table of the same numbers. */
import { makeStyles, tokens } from "@fluentui/react-components";
import type { BodyOf } from "../../clients/api.ts";
import { Go } from "../page/page.tsx";
import { StackedBar } from "../page/stacked-bar.tsx";
import { type DeliveryState, deliveryStates, notificationScreen } from "./screens.ts";
import type { Text } from "./text.ts";
import { useText } from "./text.ts";

/** A notification as the API shows it. */
export type Notification = BodyOf<"GET /api/v1/tenants/{tenantId}/notifications/{notificationId}">;

/** Deliveries by state, and their sum. */
export type Counts = Readonly<Record<DeliveryState | "total", number>>;

/** The counts; undefined for who may not see whom else it went to. */
export const countsOf = ({ counts }: Notification): Counts | undefined => counts;

/** States in which a delivery has ended without being done. */
export const badStates = deliveryStates.filter(
  (state): state is "failed" | "offline" | "expired" | "unknown" | "cancelled" | "notSupported" =>
    state !== "done" && state !== "sent" && state !== "waiting",
);

/** The sentence of a notification: it follows the counts, and never says that all is well while something failed. */
export function sentenceOf(notification: Notification, t: Text): string {
  const counts = countsOf(notification);
  if (counts === undefined) return notification.countsLeftOut ?? "";
  const { total, done, waiting, sent } = counts;
  const bad = badStates.filter((state) => counts[state] > 0);
  const parts = bad.map((state) => t(`notifications.part.${state}`, { count: counts[state] }));
  const list = [t("notifications.part.done", { count: done }), ...parts].join(", ");
  if (!notification.final && waiting + sent === 0) return list;
  if (!notification.final) return t("notifications.soFar", { list, open: waiting + sent, total });
  if (total === 0) return t("notifications.nobody");
  if (bad.length === 0) return t("notifications.allDone", { count: done });
  if (done === 0 && bad.length === 1 && bad[0] === "failed")
    return t("notifications.allFailed", { failed: counts.failed, total });
  return t("notifications.finished", { list });
}

/** Each state's colour; what it means stands beside it in words. */
export const colours: Readonly<Record<DeliveryState, string>> = {
  done: tokens.colorPaletteGreenBackground3,
  failed: tokens.colorPaletteRedBackground3,
  offline: tokens.colorPaletteMarigoldBackground3,
  expired: tokens.colorPaletteDarkOrangeBackground3,
  unknown: tokens.colorPaletteBerryBackground3,
  cancelled: tokens.colorNeutralStroke1,
  notSupported: tokens.colorNeutralForeground3,
  sent: tokens.colorPaletteBlueBorderActive,
  waiting: tokens.colorNeutralBackground5,
};

const useStyles = makeStyles({
  table: {
    borderCollapse: "collapse",
    "& td, & th": { padding: "2px 16px 2px 0", textAlign: "start" },
  },
  number: { textAlign: "end", fontVariantNumeric: "tabular-nums" },
  swatch: {
    display: "inline-block",
    width: "12px",
    height: "12px",
    borderRadius: tokens.borderRadiusSmall,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    marginRight: tokens.spacingHorizontalS,
    verticalAlign: "middle",
    forcedColorAdjust: "none",
  },
});

export function Bar({ counts, ...rest }: { counts: Counts; words: string; isSmall?: boolean }) {
  const parts = deliveryStates.map((id) => ({ id, count: counts[id], colour: colours[id] }));
  return <StackedBar {...rest} parts={parts} />;
}

/** The same numbers as a table: each leads to its devices. */
export function CountsTable(props: { notification: Notification; counts: Counts }) {
  const { notification, counts } = props;
  const { tenantId, notificationId } = notification;
  const t = useText();
  const styles = useStyles();
  const rows = deliveryStates.filter((state) => counts[state] > 0);
  return (
    <table className={styles.table}>
      <caption hidden>{t("notifications.counts")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("notifications.state")}</th>
          <th scope="col" className={styles.number}>
            {t("notifications.devices")}
          </th>
          <th scope="col" className={styles.number}>
            {t("notifications.share")}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((state) => (
          <tr key={state}>
            <th scope="row">
              <span className={styles.swatch} style={{ backgroundColor: colours[state] }} />
              <Go to={notificationScreen.at({ tenantId, notificationId }, { state })}>
                {t("notifications.open", {
                  count: t.number(counts[state]),
                  state: t.named("deliveryStates", state),
                })}
              </Go>
            </th>
            <td className={styles.number}>{t.number(counts[state])}</td>
            <td className={styles.number}>{t.percent(counts[state] / counts.total)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{t("notifications.total")}</th>
          <td className={styles.number}>{t.number(counts.total)}</td>
          <td className={styles.number}>{t.percent(1)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
