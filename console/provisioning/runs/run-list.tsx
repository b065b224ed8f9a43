/** What was begun in a tenant, newest first: each run by its sum. */
import { makeStyles, tokens } from "@fluentui/react-components";
import { RocketRegular } from "@fluentui/react-icons";
import { useNames } from "../../api/names.ts";
import { useReadList } from "../../api/read.ts";
import { Go, PageFrame } from "../../page/page.tsx";
import { Empty, Shown } from "../../page/page-state.tsx";
import { Rows } from "../../page/rows.tsx";
import { useFormat } from "../../text/format.ts";
import { runListScreen, runScreen, taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { type Run, RunBar, sentenceOf } from "./run-words.tsx";

const useStyles = makeStyles({
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
});

/** The page. */
export function Page() {
  const t = useText();
  const { tenantId } = runListScreen.useParams();
  const { template: templateId } = runListScreen.useSearch();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/provisioning-runs",
    { params: { tenantId }, query: { templateId, top: 50 } },
    { everySeconds: 20 },
  );
  return (
    <PageFrame title={t("provisioning.runList")}>
      <Shown reading={reading}>
        {(runs) =>
          runs.length === 0 && !reading.hasMore ? (
            <Empty
              icon={<RocketRegular />}
              title={t("provisioning.noRuns")}
              action={<Go to={taskListScreen.at({ tenantId })}>{t("provisioning.tasks")}</Go>}
            >
              {t("provisioning.noRunsWhy")}
            </Empty>
          ) : (
            <Table runs={runs} {...reading} />
          )
        }
      </Shown>
    </PageFrame>
  );
}

function Table(props: {
  readonly runs: readonly Run[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { runs, hasMore, readMore } = props;
  const t = useText();
  const styles = useStyles();
  const named = useNames();
  const { dateTime } = useFormat();
  const columns = [
    {
      id: "template",
      title: t("provisioning.template"),
      render: ({ tenantId, runId, template, cause }: Run) => (
        <>
          <Go to={runScreen.at({ tenantId, runId })}>{template.name}</Go>
          <span className={styles.quiet}>{t(`provisioning.cause.${cause}`)}</span>
        </>
      ),
    },
    {
      id: "state",
      title: t("provisioning.state"),
      width: "0.8fr",
      render: ({ state }: Run) => named("jobStates", state),
    },
    {
      id: "sum",
      title: t("provisioning.result"),
      width: "2fr",
      render: (run: Run) => {
        const words = sentenceOf(run, t);
        return (
          <>
            <RunBar counts={run.buckets} words={words} isSmall />
            <span aria-hidden>{words}</span>
          </>
        );
      },
    },
    {
      id: "by",
      title: t("provisioning.by"),
      render: ({ requestedBy }: Run) => requestedBy?.name ?? requestedBy?.id ?? "",
    },
    {
      id: "at",
      title: t("provisioning.begun"),
      render: ({ createdAt }: Run) => dateTime(createdAt),
    },
  ];
  return (
    <Rows
      label={t("provisioning.runList")}
      columns={columns}
      items={runs}
      idOf={({ runId }) => runId}
      nameOf={({ template }) => template.name}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
