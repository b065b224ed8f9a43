/** What a sync did: by sum, and what was left out; and the files of it. */
import { Badge, Button, makeStyles, tokens } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { useConnection } from "../api/connection.tsx";
import { useNames } from "../api/names.ts";
import { ProblemView } from "../page/problem-view.tsx";
import { saveFile, useSaveAnswer } from "../page/save-file.ts";
import { useFormat } from "../text/format.ts";
import { reportAsCsv, reportAsMarkdown } from "./report-files.ts";
import { type Report, type SyncIds, useText } from "./text.ts";

const useStyles = makeStyles({
  row: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL, overflowWrap: "anywhere" },
});

/** Facts in two columns: what it is, and what is so. */
export const useFacts = makeStyles({
  root: {
    display: "grid",
    gridTemplateColumns: "minmax(90px, max-content) 1fr",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    margin: 0,
    "& dt": { color: tokens.colorNeutralForeground2 },
    "& dd": { margin: 0, overflowWrap: "anywhere" },
  },
});

/** Logs and artifacts of a sync, and its report where it is there, to keep. */
export function Downloads({ ids, report }: { readonly ids: SyncIds; readonly report?: Report }) {
  const t = useText();
  const named = useNames();
  const { dateTime, name } = useFormat();
  const { api } = useConnection();
  const { save, problem } = useSaveAnswer();
  const call = "GET /api/v1/tenants/{tenantId}/syncs/{syncId}";
  const logs = () => api.download(`${call}/logs`, "application/x-ndjson", { params: ids });
  const artifacts = () => api.download(`${call}/artifacts`, "application/zip", { params: ids });
  const words = { t, named, name, dateTime };
  const files = {
    json: ["application/json", (body: Report) => JSON.stringify(body, undefined, 2)],
    csv: ["text/csv", (body: Report) => reportAsCsv(body, words)],
    md: ["text/markdown", (body: Report) => reportAsMarkdown(body, words)],
  } as const;
  return (
    <>
      <div className={useStyles().row}>
        <Button
          icon={<ArrowDownloadRegular />}
          onClick={() => void save(logs(), `${ids.syncId}-logs.ndjson`)}
        >
          {t("sync.logs")}
        </Button>
        <Button
          icon={<ArrowDownloadRegular />}
          onClick={() => void save(artifacts(), `${ids.syncId}-artifacts.zip`)}
        >
          {t("sync.artifacts")}
        </Button>
        {report &&
          (["json", "csv", "md"] as const).map((kind) => {
            const [type, textOf] = files[kind];
            const keep = () =>
              saveFile(new Blob([textOf(report)], { type }), `${ids.syncId}-report.${kind}`);
            return (
              <Button key={kind} icon={<ArrowDownloadRegular />} onClick={keep}>
                {t(`sync.report.${kind}`)}
              </Button>
            );
          })}
      </div>
      {problem && <ProblemView problem={problem} />}
    </>
  );
}

/** What a sync read and did, by sum first. */
export function Summary({ report }: { readonly report: Report }) {
  const t = useText();
  const named = useNames();
  const { name, dateTime } = useFormat();
  const styles = useStyles();
  const { types, sync } = report;
  const failed = types.filter(({ state }) => state === "failed" || state === "skipped");
  const { done = 0, failed: notWritten = 0, skipped = 0 } = sync.deployed ?? {};
  return (
    <>
      <dl className={useFacts().root}>
        <dt>{t("sync.started")}</dt>
        <dd>{dateTime(sync.startedAt)}</dd>
        <dt>{t("sync.typesRead")}</dt>
        <dd>{t("sync.typesOf", { read: types.length - failed.length, all: types.length })}</dd>
        <dt>{t("sync.written")}</dt>
        <dd>{t("sync.writtenOf", { done, failed: notWritten, skipped })}</dd>
      </dl>
      {failed.length > 0 && (
        <ul className={styles.list}>
          {failed.map(({ type, names, detail, reason = "" }) => (
            <li key={type}>
              {[name(names), detail ?? named("syncReasons", reason)].filter(Boolean).join(": ")}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** The items that were not written, each with its words. */
export function LeftOut({ report }: { readonly report: Report }) {
  const t = useText();
  const named = useNames();
  const styles = useStyles();
  const left = report.items.filter(({ state }) => state !== "done");
  if (left.length === 0) return null;
  return (
    <ul className={styles.list} aria-label={t("sync.items")}>
      {left.map(({ changeId, name, state, detail, reason = "" }) => (
        <li key={changeId}>
          {name} <Badge appearance="outline">{named("syncSteps", state)}</Badge>{" "}
          {detail ?? named("syncReasons", reason)}
        </li>
      ))}
    </ul>
  );
}
