/** A sync: how it went, what it read and wrote, its files, and the way back. */
import { ArrowUndoRegular, DismissCircleRegular } from "@fluentui/react-icons";
import { useNames, useSaid } from "../api/names.ts";
import { useRead } from "../api/read.ts";
import { Rest } from "../page/job/bar.tsx";
import { CallButton, CallWindow } from "../page/job/call.tsx";
import { Line } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Facts, Go, PageFrame, useGo } from "../page/page.tsx";
import { Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { CheckField, useHeld } from "../page/values/fields.tsx";
import { OutcomeWindow } from "./outcome-window.tsx";
import { Downloads } from "./report.tsx";
import { planScreen, syncListScreen, syncScreen } from "./screens.ts";
import { Outcome, usePlanSum, useStarter } from "./sync-list.tsx";
import { type Report, type Sync, type SyncIds, useText, useWhy } from "./text.ts";

const one = "/api/v1/tenants/{tenantId}/syncs/{syncId}";

/** Whether there may be something to take back. */
const isUndoable = ({ outcome, deployed }: Sync): boolean =>
  outcome !== undefined && (deployed !== undefined || outcome === "rejectedAndReset");

/** The page. */
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
  const names = useNames();
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
            <Lines report={shown} title={(each) => t.name(each)} />
          </>
        )}
      </Shown>
      {open === "undo" && <UndoWindow ids={ids} onClose={close} />}
      {open === "error" && (
        <OutcomeWindow
          ids={ids}
          title={names("syncOutcomes", "failed")}
          kind="error"
          onClose={close}
        />
      )}
    </PageFrame>
  );
}

function Commands({ sync }: { readonly sync: Sync }) {
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
function Told({ sync }: { readonly sync: Sync }) {
  const t = useText();
  const named = useNames();
  const said = useSaid();
  const starter = useStarter();
  const sum = usePlanSum();
  const { tenantId, syncId, mode, finishedAt, plan, approval, deployed, remark, undoes, paused } =
    sync;
  return (
    <>
      <div data-outcome={sync.outcome ?? sync.phase}>
        <Outcome sync={sync} />
      </div>
      {sync.resting && <Note intent="warning">{said(sync.resting.detail)}</Note>}
      <Facts
        of={{
          [t("sync.column.what")]: named("syncModes", mode),
          [t("sync.by")]: starter(sync),
          [t("sync.started")]: t.dateTime(sync.startedAt),
          [t("sync.pausedBy")]:
            paused && `${paused.by.name ?? paused.by.id}, ${t.dateTime(paused.at)}`,
          [t("sync.pausedUntil")]: paused && t.dateTime(paused.until),
          [t("sync.finished")]: finishedAt && t.dateTime(finishedAt),
          [t("sync.changes")]: plan && sum(plan),
          [t("sync.approvedBy")]:
            approval && `${approval.by.name ?? approval.by.id}, ${t.dateTime(approval.at)}`,
          [t("sync.comment")]: approval?.comment,
          [t("sync.written")]: deployed && t("sync.writtenOf", deployed),
          [t("sync.remark")]: remark
            ?.split("\n")
            .map((line) => said(line))
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

type Line = {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly what: string;
  readonly state: string;
  readonly why: string;
};

/** Types as they were read, and changes as they were written. */
function Lines(props: {
  readonly report: Report;
  readonly title: (names: Report["types"][number]["names"]) => string;
}) {
  const { types, items } = props.report;
  const t = useText();
  const named = useNames();
  const titles = new Map(types.map(({ type, names }) => [type, props.title(names)]));
  const why = useWhy();
  const lines: Line[] = [
    ...items.map((each) => ({
      id: each.changeId,
      type: titles.get(each.type) ?? each.type,
      name: each.name,
      what: t(`sync.action.${each.action}`),
      state: named("syncSteps", each.state),
      why: why(each),
    })),
    ...types.map((each) => ({
      id: each.type,
      type: titles.get(each.type) ?? each.type,
      name: t("sync.itemCount", { count: each.items }),
      what: t("sync.reading"),
      state: named("syncSteps", each.state),
      why: why(each),
    })),
  ];
  return (
    <section>
      <h2>{t("sync.report")}</h2>
      <Rows
        label={t("sync.report")}
        columns={Object.fromEntries(
          (["type", "name", "what", "state", "why"] as const).map((id) => [
            t(`sync.column.${id}`),
            (line: Line) => line[id],
          ]),
        )}
        items={lines}
        idOf={({ id }) => id}
        nameOf={({ name }) => name}
      />
    </section>
  );
}

/** Asks before a sync is taken back. */
function UndoWindow({ ids, onClose }: { readonly ids: SyncIds; readonly onClose: () => void }) {
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
