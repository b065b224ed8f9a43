/** A sync that failed or was done in part: what happened, its report, its details, and both downloads. */
import {
  Accordion,
  AccordionHeader,
  AccordionItem,
  AccordionPanel,
  Badge,
  Button,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { Answered, Problem } from "../../clients/api.ts";
import { useConnection } from "../api/connection.tsx";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { CopyButton } from "../page/copy-button.tsx";
import { Shown } from "../page/page-state.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { useFormat } from "../text/format.ts";
import { useText } from "./text.ts";

type Ids = { readonly tenantId: string; readonly syncId: string };
type Report = Extract<
  Answered<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}/report">,
  { status: 200 }
>["body"];

const useStyles = makeStyles({
  facts: {
    display: "grid",
    gridTemplateColumns: "minmax(90px, max-content) 1fr",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    margin: 0,
    "& dt": { color: tokens.colorNeutralForeground2 },
    "& dd": { margin: 0, overflowWrap: "anywhere" },
  },
  row: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL, overflowWrap: "anywhere" },
  mono: { fontFamily: tokens.fontFamilyMonospace },
});

/** Saves what was answered under a name, as the browser does with any download. */
async function save(response: Response, name: string): Promise<void> {
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Logs and artifacts of a sync, to keep. */
function Downloads({ ids }: { readonly ids: Ids }) {
  const t = useText();
  const { api } = useConnection();
  const [problem, setProblem] = useState<Problem>();
  const keep = async (
    asked: Promise<{ ok: true; response: Response } | { ok: false; problem: Problem }>,
    name: string,
  ) => {
    const outcome = await asked;
    setProblem(outcome.ok ? undefined : outcome.problem);
    if (outcome.ok) await save(outcome.response, name);
  };
  const logs = () =>
    api.download("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/logs", "application/x-ndjson", {
      params: ids,
    });
  const artifacts = () =>
    api.download("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/artifacts", "application/zip", {
      params: ids,
    });
  return (
    <>
      <div className={useStyles().row}>
        <Button
          icon={<ArrowDownloadRegular />}
          onClick={() => void keep(logs(), `${ids.syncId}-logs.ndjson`)}
        >
          {t("tenants.logs")}
        </Button>
        <Button
          icon={<ArrowDownloadRegular />}
          onClick={() => void keep(artifacts(), `${ids.syncId}-artifacts.zip`)}
        >
          {t("tenants.artifacts")}
        </Button>
      </div>
      {problem && <ProblemView problem={problem} />}
    </>
  );
}

/** What a sync read and did, by sum first. */
function Summary({ report }: { readonly report: Report }) {
  const t = useText();
  const { name, dateTime } = useFormat();
  const styles = useStyles();
  const { types, sync } = report;
  const failed = types.filter(({ state }) => state === "failed" || state === "skipped");
  const { done = 0, failed: notWritten = 0, skipped = 0 } = sync.deployed ?? {};
  return (
    <>
      <dl className={styles.facts}>
        <dt>{t("tenants.started")}</dt>
        <dd>{dateTime(sync.startedAt)}</dd>
        <dt>{t("tenants.typesRead")}</dt>
        <dd>{t("tenants.typesOf", { read: types.length - failed.length, all: types.length })}</dd>
        <dt>{t("tenants.written")}</dt>
        <dd>{t("tenants.writtenOf", { done, failed: notWritten, skipped })}</dd>
      </dl>
      {failed.length > 0 && (
        <ul className={styles.list}>
          {failed.map((each) => (
            <li key={each.type}>
              {[name(each.names), each.detail ?? each.reason].filter(Boolean).join(": ")}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** The items that were not written, each with its words. */
function LeftOut({ report }: { readonly report: Report }) {
  const t = useText();
  const styles = useStyles();
  const left = report.items.filter(({ state }) => state !== "done");
  if (left.length === 0) return null;
  return (
    <ul className={styles.list} aria-label={t("tenants.items")}>
      {left.map((item) => (
        <li key={item.changeId}>
          {item.name} <Badge appearance="outline">{item.state}</Badge> {item.detail ?? item.reason}
        </li>
      ))}
    </ul>
  );
}

function Failure({ ids }: { readonly ids: Ids }) {
  const t = useText();
  const { dateTime } = useFormat();
  const styles = useStyles();
  const error = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/error", { params: ids });
  return (
    <Shown reading={error}>
      {({ code, text, cause, remedy, correlationId, requestIds, at, copy }) => (
        <>
          <MessageBar intent="error" layout="multiline">
            <MessageBarBody>
              <MessageBarTitle>{text}</MessageBarTitle>
            </MessageBarBody>
          </MessageBar>
          <dl className={styles.facts}>
            <dt>{t("tenants.code")}</dt>
            <dd className={styles.mono}>{code}</dd>
            <dt>{t("tenants.cause")}</dt>
            <dd>{cause}</dd>
            <dt>{t("tenants.remedy")}</dt>
            <dd>{remedy}</dd>
          </dl>
          <div className={styles.row}>
            <CopyButton text={() => copy} label={t("tenants.copyError")} />
          </div>
          <Accordion collapsible>
            <AccordionItem value="details">
              <AccordionHeader>{t("tenants.details")}</AccordionHeader>
              <AccordionPanel>
                <dl className={styles.facts}>
                  <dt>{t("tenants.at")}</dt>
                  <dd>{dateTime(at)}</dd>
                  <dt>{t("tenants.correlation")}</dt>
                  <dd className={styles.mono}>{correlationId}</dd>
                  <dt>{t("tenants.requests")}</dt>
                  <dd className={styles.mono}>{requestIds.join(", ")}</dd>
                </dl>
              </AccordionPanel>
            </AccordionItem>
          </Accordion>
        </>
      )}
    </Shown>
  );
}

/** The window of "New error", and of both kinds of "Partially succeeded". */
export function OutcomeWindow(props: {
  readonly ids: Ids;
  readonly title: string;
  readonly kind: "error" | "partial";
  readonly onClose: () => void;
}) {
  const { ids, title, kind, onClose } = props;
  const t = useText();
  const may = useMay()("sync.run", ids.tenantId);
  const report = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/report", { params: ids });
  const start = useSend("POST /api/v1/tenants/{tenantId}/syncs");
  const acknowledge = useSend("POST /api/v1/tenants/{tenantId}/sync-status/acknowledge");
  const params = { tenantId: ids.tenantId };
  const items = report.body?.items ?? [];
  const lacksUser = items.some(({ reason }) => reason === "delegatedRequired");
  const again = async (mode: "planAndDeploy" | "retryFailed", onMissingUser?: "wait") => {
    const body = onMissingUser === undefined ? { mode } : { mode, onMissingUser };
    if ((await start.send({ params, body })) !== undefined) onClose();
  };
  const note = async () => {
    if ((await acknowledge.send({ params })) !== undefined) onClose();
  };
  const problem = start.problem ?? acknowledge.problem;
  const hasLeft = items.some(({ state }) => state === "failed" || state === "skipped");
  const actions = may && (
    <>
      {kind === "partial" && lacksUser && (
        <Button appearance="primary" onClick={() => void again("retryFailed", "wait")}>
          {t("tenants.signInNow")}
        </Button>
      )}
      {kind === "partial" && !lacksUser && hasLeft && (
        <Button appearance="primary" onClick={() => void again("retryFailed")}>
          {t("tenants.retryFailed")}
        </Button>
      )}
      {kind === "error" && <Button onClick={() => void note()}>{t("tenants.acknowledge")}</Button>}
      <Button onClick={() => void again("planAndDeploy")}>{t("tenants.syncNow")}</Button>
    </>
  );
  return (
    <Window title={title} onClose={onClose} actions={actions}>
      {kind === "error" && <Failure ids={ids} />}
      {kind === "partial" && report.body && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            {t(lacksUser ? "tenants.partialUser" : "tenants.partialItems")}
          </MessageBarBody>
        </MessageBar>
      )}
      <h3 style={{ margin: 0 }}>{t("tenants.report")}</h3>
      <Shown reading={report}>
        {(body) => (
          <>
            <Summary report={body} />
            <LeftOut report={body} />
          </>
        )}
      </Shown>
      <Downloads ids={ids} />
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
