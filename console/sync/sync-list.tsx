/** Every sync of a tenant, newest first: what it was asked for, how it ended, and two of them beside each other. */
import { Badge } from "@fluentui/react-components";
import { ArrowSyncRegular, HistoryRegular } from "@fluentui/react-icons";
import { useMay } from "../api/me.ts";
import { type ReadList, useRead, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { CallButton } from "../page/job/call.tsx";
import { Listed, Quiet } from "../page/job/listed.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Empty, Go, PageFrame, useGo } from "../page/page.tsx";
import { HeldBar, ReleaseWindow } from "./plan/release-window.tsx";
import { compareScreen, syncListScreen, syncScreen } from "./screens.ts";
import { StartWindow } from "./start-window.tsx";
import { type Sync, type Text, useText } from "./text.ts";

const colours: Partial<Record<NonNullable<Sync["outcome"]>, "success" | "danger" | "warning">> = {
  succeeded: "success",
  failed: "danger",
  partial: "warning",
};

/** How a sync ended, or how far it is: words, and a colour beside them. */
export function Outcome({ sync }: { sync: Sync }) {
  const t = useText();
  const { outcome, phase, status } = sync;
  return (
    <Badge appearance="tint" color={(outcome && colours[outcome]) ?? "informative"}>
      {outcome !== undefined
        ? t.named("syncOutcomes", outcome)
        : status !== undefined
          ? t.named("syncStatuses", status)
          : t.named("syncPhases", phase)}
    </Badge>
  );
}

const parts = ["creates", "updates", "deletes", "blocked", "held"] as const;

/** What a plan has, in words: only what there is of it. */
export const planSumOf = (plan: NonNullable<Sync["plan"]>, t: Text): string =>
  parts
    .filter((part) => plan[part] > 0)
    .map((part) => t(`sync.plan.${part}`, { count: plan[part] }))
    .join(", ") || t("sync.noChanges");

/** Who started it; where nobody did, what did. */
export const starterOf = ({ requestedBy, trigger }: Sync, t: Text): string =>
  [
    requestedBy.name ?? (requestedBy.kind === "system" ? undefined : requestedBy.id),
    trigger === "manual" ? undefined : t.named("syncTriggers", trigger),
  ]
    .filter(Boolean)
    .join(" \u00b7 ");

const starts = "POST /api/v1/tenants/{tenantId}/syncs";

export function Page() {
  const t = useText();
  const { tenantId } = syncListScreen.useParams();
  const [{ window }, change] = syncListScreen.useSearchState();
  const may = useMay();
  const params = { tenantId };
  const goTo = useGo();
  const tenant = useRead("GET /api/v1/tenants/{tenantId}", { params });
  const status = useRead("GET /api/v1/tenants/{tenantId}/sync-status", { params });
  const held = status.body?.heldChanges ?? 0;
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/syncs",
    { params, query: { top: 50 } },
    { everySeconds: (syncs) => (syncs.some(({ outcome }) => outcome === undefined) ? 3 : 30) },
  );
  const start = useSend(starts);
  const close = () => change({ window: undefined }, true);
  const takes = { permission: "sync.run" } as const;
  const go = (begun: { readonly body: Sync }) => goTo(syncScreen.at(begun.body));
  return (
    <PageFrame
      title={t("sync.title")}
      lead={tenant.body?.displayName}
      above={<Go to={compareScreen.at({ tenantId })}>{t("sync.compare")}</Go>}
      bar={
        <>
          <CallButton
            {...takes}
            icon={<ArrowSyncRegular />}
            call={starts}
            given={{ params, body: {} }}
            onDone={go}
          >
            {t("sync.syncNow")}
          </CallButton>
          <MayButton {...takes} onClick={() => change({ window: "start" })}>
            {t("sync.startOtherwise")}
          </MayButton>
        </>
      }
    >
      <HeldBar count={held} onRelease={() => change({ window: "release" })} />
      <Syncs reading={reading} />
      {window === "release" && <ReleaseWindow tenantId={tenantId} count={held} onClose={close} />}
      {window === "start" && tenant.body && may("sync.run", tenantId) && (
        <StartWindow
          tenants={[tenant.body]}
          sending={start}
          onDo={(body) => start.send({ params, body })}
          onDone={go}
          onClose={close}
        />
      )}
    </PageFrame>
  );
}

function Syncs({ reading }: { reading: ReadList<Sync> }) {
  const t = useText();
  return (
    <Listed
      reading={reading}
      label={t("sync.title")}
      idOf={({ syncId }) => syncId}
      nameOf={({ startedAt }) => t.dateTime(startedAt)}
      columns={{
        [t("sync.started")]: (sync) => (
          <Go to={syncScreen.at(sync)}>{t.dateTime(sync.startedAt)}</Go>
        ),
        [t("sync.column.what")]: ({ mode, types }) => (
          <>
            {t.named("syncModes", mode)}
            <Quiet>{t("sync.typeCount", { count: types.length })}</Quiet>
          </>
        ),
        [t("sync.by")]: (sync) => starterOf(sync, t),
        [t("sync.column.state")]: (sync) => <Outcome sync={sync} />,
        [t("sync.changes")]: ({ plan, deployed }) => (
          <>
            {plan ? planSumOf(plan, t) : t("sync.noPlan")}
            {deployed && <Quiet>{t("sync.writtenOf", deployed)}</Quiet>}
          </>
        ),
      }}
      widths="1fr 1fr 1fr 1fr 1.4fr"
      empty={
        <Empty icon={<HistoryRegular />} title={t("sync.none")}>
          {t("sync.noneWhy")}
        </Empty>
      }
    />
  );
}
