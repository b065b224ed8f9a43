/** What would happen if it were sent: how many devices it reaches on which way, whom it does not reach and why, and when it is over. */
import {
  makeStyles,
  Spinner,
  Table,
  TableBody,
  TableCell,
  TableHeader,
  TableHeaderCell,
  TableRow,
  tokens,
  Text as Words,
} from "@fluentui/react-components";
import type { BodyOf } from "../../clients/api.ts";
import type { Asked } from "../api/ask.ts";
import { useSaid } from "../api/names.ts";
import { Reason } from "../page/job/reason.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { type Text, useText } from "./text.ts";

/** The dry run's answer. */
export type WouldBe = BodyOf<"POST /api/v1/tenants/{tenantId}/notifications">;

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalS },
  table: { tableLayout: "auto" },
  cell: {
    overflowWrap: "anywhere",
    paddingTop: tokens.spacingVerticalXS,
    paddingBottom: tokens.spacingVerticalXS,
  },
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
});

/** A span of time, as people say it. */
export function spanOf(seconds: number, t: Text): string {
  if (seconds < 90) return t("notifications.seconds", { count: Math.max(1, Math.ceil(seconds)) });
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 90) return t("notifications.minutes", { count: minutes });
  return t("notifications.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A way to a device, by its id. */
export const routeName = (route: string, t: Text): string =>
  route === "intune" ||
  route === "adminService" ||
  route === "configMgrAction" ||
  route === "remediation"
    ? t(`notifications.route.${route}`)
    : route;

/** Shows it. */
export function DryRun({ would }: { readonly would: Asked<WouldBe> }) {
  const t = useText();
  const styles = useStyles();
  const { body, problem, again } = would;
  if (problem !== undefined) return <ProblemView problem={problem} again={again} />;
  if (body === undefined) return <Spinner size="small" label={t("notifications.counting")} />;
  const reached = body.byRoute.reduce((sum, { devices }) => sum + devices, 0);
  const { sendingSeconds: sending, confirmingSeconds: confirming } = body;
  return (
    <section className={styles.root} aria-label={t("notifications.dryRun")} data-dry-run={reached}>
      <Words>{t("notifications.reaches", { reached, total: body.total })}</Words>
      {body.byRoute.length > 0 && <Routes body={body} />}
      {body.notSupported.length > 0 && <NotReached body={body} />}
      {sending !== undefined && (
        <Words>
          {t("notifications.takes", {
            sending: spanOf(sending, t),
            confirming: spanOf(confirming ?? 0, t),
          })}
        </Words>
      )}
    </section>
  );
}

function Routes({ body }: { readonly body: WouldBe }) {
  const t = useText();
  const styles = useStyles();
  const said = useSaid();
  return (
    <Table size="small" className={styles.table} aria-label={t("notifications.ways")}>
      <TableHeader>
        <TableRow>
          <TableHeaderCell>{t("notifications.way")}</TableHeaderCell>
          <TableHeaderCell>{t("notifications.devices")}</TableHeaderCell>
        </TableRow>
      </TableHeader>
      <TableBody>
        {body.byRoute.map(({ route, fidelity, note, devices }) => (
          <TableRow key={`${route} ${fidelity} ${note ?? ""}`}>
            <TableCell className={styles.cell}>
              {routeName(route, t)}
              {fidelity === "approximate" && ` (${t("notifications.isApproximate")})`}
              {note !== undefined && <span className={styles.quiet}>{said(note)}</span>}
            </TableCell>
            <TableCell>{t.number(devices)}</TableCell>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

function NotReached({ body }: { readonly body: WouldBe }) {
  const t = useText();
  const styles = useStyles();
  return (
    <Table size="small" className={styles.table} aria-label={t("notifications.notReached")}>
      <TableHeader>
        <TableRow>
          <TableHeaderCell>{t("notifications.notReached")}</TableHeaderCell>
          <TableHeaderCell>{t("notifications.devices")}</TableHeaderCell>
        </TableRow>
      </TableHeader>
      <TableBody>
        {body.notSupported.map(({ code, detail, devices }) => (
          <TableRow key={`${code} ${detail}`}>
            <TableCell className={styles.cell}>
              <Reason code={code} detail={detail} />
            </TableCell>
            <TableCell>{t.number(devices)}</TableCell>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
