/** A run: its sum, where its devices stand, what waits for whom; stopped, let rest, and restarted from here. */
import { useRead } from "../../api/read.ts";
import { CopyAddress, Rest, StopButton } from "../../page/job/bar.tsx";
import { CallWindow } from "../../page/job/call.tsx";
import { JobHead } from "../../page/job/job.tsx";
import { personOf } from "../../page/job/listed.tsx";
import { Note } from "../../page/look/note.tsx";
import { Go, PageFrame, Shown } from "../../page/page.tsx";
import { Download } from "../../page/save-file.tsx";
import { runListScreen, runScreen, taskListScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { RunDevices } from "./run-devices.tsx";
import { type Run, RunBar, sentenceOf } from "./run-words.tsx";

const one = "/api/v1/tenants/{tenantId}/provisioning-runs/{runId}";

export function Page() {
  const t = useText();
  const { tenantId, runId } = runScreen.useParams();
  const reading = useRead(`GET ${one}`, {
    params: { tenantId, runId },
  });
  return (
    <PageFrame
      title={reading.body?.template.name ?? t("provisioning.run")}
      above={<Go to={runListScreen.at({ tenantId })}>{t("provisioning.runList")}</Go>}
      bar={reading.body && <Commands run={reading.body} />}
    >
      <Shown reading={reading}>{(run) => <Content run={run} />}</Shown>
    </PageFrame>
  );
}

function Content({ run }: { run: Run }) {
  const t = useText();
  const change = runScreen.useChangeSearch();
  const { window: open } = runScreen.useSearch();
  const sentence = sentenceOf(run, t);
  const { tenantId, runId, final, verdict, buckets, total } = run;
  return (
    <>
      <JobHead
        {...run}
        sentence={sentence}
        verdict={verdict && { id: verdict.id, name: t.name(verdict.name) }}
        failure={run.failure}
        share={total === 0 ? 0 : 1 - (buckets.active + buckets.pending) / total}
        word={t.named("jobStates", run.state)}
      >
        <Facts run={run} />
      </JobHead>
      <RunBar counts={buckets} words={sentence} />
      {run.state === "pendingApproval" && (
        <Note intent="warning">{t("provisioning.secondPerson")}</Note>
      )}
      {run.latest && <Latest latest={run.latest} run={run} />}
      {!final && (
        <Note intent="info" data-unattended>
          {t("provisioning.betweenActions")} {t("provisioning.unattended")}
        </Note>
      )}
      <RunDevices key={run.runId} run={run} />
      {open === "cancel" && !final && (
        <CallWindow
          title={t("provisioning.cancelRun")}
          verb={t("provisioning.cancelRun")}
          call={`POST ${one}/cancel`}
          given={{ params: { tenantId, runId } }}
          onClose={() => change({ window: undefined }, true)}
        >
          {t("provisioning.cancelWhat")}
        </CallWindow>
      )}
    </>
  );
}

/** How all of its devices stand by now, each by its latest run. */
function Latest({ run, latest }: { run: Run; latest: NonNullable<Run["latest"]> }) {
  const t = useText();
  const { tenantId } = run;
  const { verdict, buckets, runs } = latest;
  const now = sentenceOf({ ...run, buckets, final: verdict !== undefined }, t);
  return (
    <Note
      intent={verdict?.id === "success" ? "success" : "info"}
      data-latest={verdict?.id ?? "open"}
      title={t("provisioning.byNow")}
    >
      {verdict !== undefined && `${t.name(verdict.name)}. `}
      {now}
      {runs
        .filter((runId) => runId !== run.runId)
        .map((runId, at) => (
          <div key={runId}>
            <Go to={runScreen.at({ tenantId, runId })}>
              {t("provisioning.restartNumber", { number: at + 1 })}
            </Go>
          </div>
        ))}
    </Note>
  );
}

/** Who, when, and what it goes back to. */
function Facts({ run }: { run: Run }) {
  const t = useText();
  const { tenantId, requestedBy, parentRunId, taskId, hidden, note, final } = run;
  return (
    <>
      <span>{t(`provisioning.cause.${run.cause}`)}</span>
      <span>{t("provisioning.ofVersion", run.template)}</span>
      <span>
        {t("provisioning.begunBy", {
          at: t.dateTime(run.createdAt),
          by: personOf(requestedBy),
          known: requestedBy === undefined ? "no" : "yes",
        })}
      </span>
      {!final && <span>{t("provisioning.until", { at: t.dateTime(run.expiresAt) })}</span>}
      {hidden > 0 && <span>{t("provisioning.hidden", { count: hidden })}</span>}
      {note !== undefined && <span>{note}</span>}
      {taskId !== undefined && (
        <Go to={taskListScreen.at({ tenantId }, { task: taskId })}>{t("provisioning.itsTask")}</Go>
      )}
      {parentRunId !== undefined && (
        <Go to={runScreen.at({ tenantId, runId: parentRunId })}>{t("provisioning.itsParent")}</Go>
      )}
    </>
  );
}

function Commands({ run }: { run: Run }) {
  const { tenantId, runId, state } = run;
  const t = useText();
  const change = runScreen.useChangeSearch();
  const permission = "provisioning.run";
  const given = { params: { tenantId, runId } };
  return (
    <>
      <StopButton of={run} permission={permission} onClick={() => change({ window: "cancel" })}>
        {t("provisioning.cancelRun")}
      </StopButton>
      <Rest
        state={state}
        given={given}
        pause={`POST ${one}/pause`}
        resume={`POST ${one}/resume`}
        takes={{ permission }}
      />
      <Download
        call={`GET ${one}/history`}
        type="text/csv"
        given={given}
        name={`muster-${runId}.csv`}
      >
        {t("provisioning.historyCsv")}
      </Download>
      <CopyAddress />
    </>
  );
}
