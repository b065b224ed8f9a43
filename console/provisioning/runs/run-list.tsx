/** What was begun in a tenant, newest first: each run by its sum. */
import { RocketRegular } from "@fluentui/react-icons";
import { useReadList } from "../../api/read.ts";
import { Listed, personOf, Quiet } from "../../page/job/listed.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { runListScreen, runScreen, taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { type Run, RunBar, sentenceOf } from "./run-words.tsx";

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
      <Listed
        reading={reading}
        label={t("provisioning.runList")}
        idOf={({ runId }) => runId}
        nameOf={({ template }) => template.name}
        columns={{
          [t("provisioning.template")]: (run) => <What of={run} />,
          [t("provisioning.state")]: ({ state }) => t.named("jobStates", state),
          [t("provisioning.result")]: (run) => <Sum of={run} />,
          [t("provisioning.by")]: ({ requestedBy }) => personOf(requestedBy),
          [t("provisioning.begun")]: ({ createdAt }) => t.dateTime(createdAt),
        }}
        widths="1fr 0.8fr 2fr 1fr 1fr"
        empty={
          <Empty
            icon={<RocketRegular />}
            title={t("provisioning.noRuns")}
            action={<Go to={taskListScreen.at({ tenantId })}>{t("provisioning.tasks")}</Go>}
          >
            {t("provisioning.noRunsWhy")}
          </Empty>
        }
      />
    </PageFrame>
  );
}

function What({ of: { tenantId, runId, template, cause } }: { of: Run }) {
  const t = useText();
  return (
    <>
      <Go to={runScreen.at({ tenantId, runId })}>{template.name}</Go>
      <Quiet>{t(`provisioning.cause.${cause}`)}</Quiet>
    </>
  );
}

function Sum({ of }: { of: Run }) {
  const words = sentenceOf(of, useText());
  return (
    <>
      <RunBar counts={of.buckets} words={words} isSmall />
      <span aria-hidden>{words}</span>
    </>
  );
}
