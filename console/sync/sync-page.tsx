/** A sync: how it went, what it read and wrote, its files, and the way back. */
import { ArrowUndoRegular, DismissCircleRegular } from "@fluentui/react-icons";
import { useRead } from "../api/read.ts";
import { Rest } from "../page/job/bar.tsx";
import { CallButton, CallWindow } from "../page/job/call.tsx";
import { Line } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Facts, Go, PageFrame, Shown, useGo } from "../page/page.tsx";
import { Rows } from "../page/rows.tsx";
import { CheckField, useHeld } from "../page/values/fields.tsx";
import { OutcomeWindow } from "./outcome-window.tsx";
import { Downloads, linesOf, type ReportLine } from "./report.tsx";
import { planScreen, syncListScreen, syncScreen } from "./screens.ts";
import { Outcome, planSumOf, starterOf } from "./sync-list.tsx";
import { type Report, type Sync, type SyncIds, useText } from "./text.ts";

const one = "/api/v1/tenants/{tenantId}/syncs/{syncId}";

/** Whether there may be something to take back. */
const isUndoable = ({ outcome, deployed }: Sync): boolean =>
  outcome !== undefined && (deployed !== undefined || outcome === "rejectedAndReset");

export function Page() {
  const t = useText();
  const ids = syncScreen.useParams();
  const [{ window: open }, change] = syncScreen.useSearchState();
  const close = () => change({ window: undefined }, true);
  const sync = useRead(`GET ${one}`, { params: ids }, { atMostSeconds: 3 });
  const report = useRead(
    `GET ${one}/report`,
    { params: ids },
    { every: (body) => (body.sync.outcome === undefined ? 3 : undefined) },
  );
  const { body } = sync;
  return (
    <PageFrame
      title={body ? t("sync.of", { at: t.dateTime(body.startedAt) }) : t("sync.one")}
      above={<Go to={syncListScreen.at(ids)}>{t("sync.title")}</Go>}
      bar={body && <Commands sync={body} />}
    >
      <Shown reading={sync}>{(shown) => <Told sync={shown} />}</Shown>
      <Shown reading={report}>
        {(shown) => (
          <>
            <Downloads ids={ids} report={shown} />
            <Lines report={shown} />
          </>
        )}
      </Shown>
      {open === "undo" && <UndoWindow ids={ids} onClose={close} />}
      {open === "error" && (
        <OutcomeWindow
          ids={ids}
          title={t.named("syncOutcomes", "failed")}
          kind="error"
          onClose={close}
        />
      )}
    </PageFrame>
  );
}

function Commands({ sync }: { sync: Sync }) {
  const t = useText();
  const { tenantId, syncId, outcome, waitsFor, paused } = sync;
  const change = syncScreen.useChangeSearch();
  const given = { params: { tenantId, syncId } };
  const takes = { permission: "sync.run" } as const;
  return (
    <>
      <MayButton
        {...takes}
        icon={<ArrowUndoRegular />}
        why={isUndoable(sync) ? undefined : t("sync.nothingToUndo")}
        onClick={() => change({ window: "undo" })}
      >
        {t("sync.undo")}
      </MayButton>
      <Rest
        state={paused ? "paused" : outcome === undefined && waitsFor === undefined ? "running" : ""}
        given={given}
        pause={`POST ${one}/pause`}
        resume={`POST ${one}/resume`}
        takes={takes}
      />
      {outcome === undefined && (
        <CallButton
          {...takes}
          icon={<DismissCircleRegular />}
          call={`POST ${one}/cancel`}
          given={given}
        >
          {t("sync.cancelSync")}
        </CallButton>
      )}
    </>
  );
}

/** What is known of it by name. */
function Told({ sync }: { sync: Sync }) {
  const t = useText();
  const { tenantId, syncId, mode, finishedAt, plan, approval, deployed, remark, undoes, paused } =
    sync;
  return (
    <>
      <div data-outcome={sync.outcome ?? sync.phase}>
        <Outcome sync={sync} />
      </div>
      {sync.resting && <Note intent="warning">{t.said(sync.resting.detail)}</Note>}
      <Facts
        of={{
          [t("sync.column.what")]: t.named("syncModes", mode),
          [t("sync.by")]: starterOf(sync, t),
          [t("sync.started")]: t.dateTime(sync.startedAt),
          [t("sync.pausedBy")]:
            paused && `${paused.by.name ?? paused.by.id}, ${t.dateTime(paused.at)}`,
          [t("sync.pausedUntil")]: paused && t.dateTime(paused.until),
          [t("sync.finished")]: finishedAt && t.dateTime(finishedAt),
          [t("sync.changes")]: plan && planSumOf(plan, t),
          [t("sync.approvedBy")]:
            approval && `${approval.by.name ?? approval.by.id}, ${t.dateTime(approval.at)}`,
          [t("sync.comment")]: approval?.comment,
          [t("sync.written")]: deployed && t("sync.writtenOf", deployed),
          [t("sync.remark")]: remark
            ?.split("\n")
            .map((line) => t.said(line))
            .join("\n"),
        }}
      />
      <Line gap="large" align="normal">
        {plan && <Go to={planScreen.at({ tenantId, syncId })}>{t("sync.thePlan")}</Go>}
        {undoes && <Go to={syncScreen.at({ tenantId, syncId: undoes })}>{t("sync.undoes")}</Go>}
        {sync.outcome === "failed" && (
          <Go to={syncScreen.at({ tenantId, syncId }, { window: "error" })}>
            {t("sync.theError")}
          </Go>
        )}
      </Line>
    </>
  );
}

/** Changes as they were written, and types as they were read. */
function Lines({ report }: { report: Report }) {
  const t = useText();
  const { read, written } = linesOf(report, t);
  const columns = ["type", "name", "what", "state", "why"] as const;
  return (
    <section>
      <h2>{t("sync.report")}</h2>
      <Rows
        label={t("sync.report")}
        columns={Object.fromEntries(
          columns.map((id) => [t(`sync.column.${id}`), (line: ReportLine) => line[id]]),
        )}
        items={[...written, ...read]}
        idOf={({ id }) => id}
        nameOf={({ name }) => name}
      />
    </section>
  );
}

/** Asks before a sync is taken back. */
function UndoWindow({ ids, onClose }: { ids: SyncIds; onClose: () => void }) {
  const t = useText();
  const go = useGo();
  const isSure = useHeld(false);
  return (
    <CallWindow
      title={t("sync.undo")}
      verb={t("sync.undo")}
      call={`POST ${one}/undo`}
      given={{ params: ids }}
      isReady={isSure.value}
      said={() => t("sync.undoBegun")}
      onDone={({ body }) => go(syncScreen.at(body))}
      onClose={onClose}
    >
      <Note intent="info">{t("sync.undoWhat")}</Note>
      <CheckField {...isSure} label={t("sync.undoSure")} />
    </CallWindow>
  );
}
