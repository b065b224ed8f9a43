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
import type { ReactNode } from "react";
import type { BodyOf } from "../../clients/api.ts";
import type { Asked } from "../api/ask.ts";
import { Quiet } from "../page/job/listed.tsx";
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
export function DryRun({ would }: { would: Asked<WouldBe> }) {
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
      <Kinds
        label={t("notifications.ways")}
        head={t("notifications.way")}
        rows={body.byRoute.map(({ route, fidelity, note, devices }) => [
          `${route} ${fidelity} ${note ?? ""}`,
          <>
            {routeName(route, t)}
            {fidelity === "approximate" && ` (${t("notifications.isApproximate")})`}
            {note !== undefined && <Quiet>{t.said(note)}</Quiet>}
          </>,
          devices,
        ])}
      />
      <Kinds
        label={t("notifications.notReached")}
        head={t("notifications.notReached")}
        rows={body.notSupported.map(({ code, detail, devices }) => [
          `${code} ${detail}`,
          <Reason key={code} code={code} detail={detail} />,
          devices,
        ])}
      />
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

/** How many devices of each kind. */
function Kinds(props: {
  label: string;
  head: string;
  rows: readonly (readonly [id: string, kind: ReactNode, devices: number])[];
}) {
  const { label, head, rows } = props;
  const t = useText();
  const styles = useStyles();
  if (rows.length === 0) return null;
  return (
    <Table size="small" className={styles.table} aria-label={label}>
      <TableHeader>
        <TableRow>
          <TableHeaderCell>{head}</TableHeaderCell>
          <TableHeaderCell>{t("notifications.devices")}</TableHeaderCell>
        </TableRow>
      </TableHeader>
      <TableBody>
        {rows.map(([id, kind, devices]) => (
          <TableRow key={id}>
            <TableCell className={styles.cell}>{kind}</TableCell>
            <TableCell>{t.number(devices)}</TableCell>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
