/** The tenants, with the status column whose cells are what can be done; syncs of one and of many. */
import { Badge, Button, makeStyles, tokens } from "@fluentui/react-components";
import { ArrowSyncRegular, BuildingMultipleRegular } from "@fluentui/react-icons";
import { useCallback, useState } from "react";
import type { CallInput } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { type ReadList, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { Choose, Filters } from "../page/filters.tsx";
import { Listed, Quiet } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Empty, Facts, Go, PageFrame } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { type Choice, type Columns, useChoice } from "../page/rows.tsx";
import { Window } from "../page/window.tsx";
import { ConsentWindow } from "../sync/consent-window.tsx";
import { OutcomeWindow } from "../sync/outcome-window.tsx";
import { VerdictWindow } from "../sync/plan/verdict-window.tsx";
import { syncListScreen } from "../sync/screens.ts";
import { SignInWindow } from "../sync/sign-in-window.tsx";
import { StartWindow } from "../sync/start-window.tsx";
import { statuses, tenantsScreen } from "./screens.ts";
import { StatusCell } from "./status-cell.tsx";
import { PauseWindow, TenantMenu } from "./tenant-menu.tsx";
import { type SyncState, type TenantRow, useText } from "./text.ts";

const useStyles = makeStyles({
  name: { fontWeight: tokens.fontWeightSemibold },
});

/** While something moves it is looked at often, else now and then. */
const pauseOf = (tenants: readonly TenantRow[]): number =>
  tenants.some(({ sync }) => sync && isMoving(sync)) ? 2 : 10;
const isMoving = ({ status, paused }: SyncState): boolean =>
  (status === "starting" || status === "inProgress") && paused === undefined;

function ByStatus() {
  const t = useText();
  const filter = tenantsScreen.useFilters(["status"]);
  return (
    <Filters {...filter.all}>
      <Choose
        label={t("tenants.status")}
        {...filter.of("status")}
        any={t("tenants.allStatuses")}
        values={statuses.map((each) => [each, t.named("syncStatuses", each)] as const)}
      />
    </Filters>
  );
}

/** What each of the statuses means, as the API names them. */
function Legend({ onClose }: { onClose: () => void }) {
  const t = useText();
  return (
    <Window title={t("tenants.statuses")} onClose={onClose}>
      <Facts
        of={Object.fromEntries(
          statuses.map((each) => [t.named("syncStatuses", each), t(`tenants.means.${each}`)]),
        )}
      />
    </Window>
  );
}

/** The window that the address names. */
function OpenWindow({ tenants }: { tenants: readonly TenantRow[] }) {
  const { window, tenant: tenantId } = tenantsScreen.useSearch();
  const may = useMay();
  const t = useText();
  const change = tenantsScreen.useChangeSearch();
  const close = useCallback(() => change({ window: undefined, tenant: undefined }, true), [change]);
  if (window === "statuses") return <Legend onClose={close} />;
  const tenant = tenants.find((each) => each.tenantId === tenantId);
  if (window === "pause" && tenant && may("tenants.manage", tenantId))
    return <PauseWindow tenant={tenant} onClose={close} />;
  const sync = tenant?.sync;
  const syncId = sync?.activeSyncId ?? sync?.lastSyncId;
  if (window === undefined || tenantId === undefined || sync === undefined || syncId === undefined)
    return null;
  const ids = { tenantId, syncId };
  const title = t.name(sync.names);
  switch (window) {
    case "error":
    case "partial":
      return <OutcomeWindow ids={ids} title={title} kind={window} onClose={close} />;
    case "authentication":
      return (
        <SignInWindow
          key={syncId}
          ids={ids}
          title={title}
          isWaiting={sync.status === "pendingAuthentication"}
          onClose={close}
        />
      );
    case "consent":
      return <ConsentWindow ids={ids} title={title} onClose={close} />;
    case "approve":
    case "reject":
    case "reset":
      return <VerdictWindow ids={ids} verdict={window} onClose={close} onDone={close} />;
    default:
      return null;
  }
}

function useColumns(): Columns<TenantRow> {
  const t = useText();
  const styles = useStyles();
  return {
    [t("tenants.name")]: ({ tenantId, displayName, pausedAt, pauseReason }) => (
      <>
        <Go className={styles.name} to={syncListScreen.at({ tenantId })}>
          {displayName}
        </Go>{" "}
        {pausedAt && (
          <Badge
            appearance="tint"
            color="warning"
            title={t("tenants.pausedSince", { at: t.dateTime(pausedAt) })}
          >
            {t("tenants.paused")}
          </Badge>
        )}
        {pauseReason && <Quiet>{pauseReason}</Quiet>}
      </>
    ),
    [t("tenants.status")]: (tenant) =>
      tenant.sync ? <StatusCell tenant={tenant} sync={tenant.sync} /> : t("tenants.unseen"),
    [t("tenants.since")]: ({ sync }) =>
      sync && <span title={t.dateTime(sync.since)}>{t.since(sync.since)}</span>,
    [t("tenants.by")]: ({ sync }) =>
      sync && (sync.by.name ?? t(sync.by.kind === "system" ? "tenants.bySystem" : "tenants.byApp")),
    [t("tenants.next")]: ({ sync }) =>
      sync?.nextSyncAt === undefined ? t("tenants.never") : t.dateTime(sync.nextSyncAt),
  };
}

function NoTenants() {
  const t = useText();
  const [{ status }, change] = tenantsScreen.useSearchState();
  if (status === undefined)
    return (
      <Empty icon={<BuildingMultipleRegular />} title={t("tenants.none")}>
        {t("tenants.noneWhy")}
      </Empty>
    );
  const all = (
    <Button onClick={() => change({ status: undefined })}>{t("tenants.allStatuses")}</Button>
  );
  return (
    <Empty icon={<BuildingMultipleRegular />} title={t("tenants.noneSuch")} action={all}>
      {t("tenants.noneSuchWhy")}
    </Empty>
  );
}

type StartBody = CallInput<"POST /api/v1/syncs">["body"];

/** Starts syncs of some tenants, and keeps what was not started, with the reason. */
function useStart(tenants: readonly TenantRow[]) {
  const t = useText();
  const sending = useSend("POST /api/v1/syncs");
  const [refused, setRefused] = useState<readonly string[]>([]);
  const start = async (body: StartBody) => {
    const answer = await sending.send({ body });
    if (answer === undefined) return undefined;
    const { value } = answer.body;
    const left = value.filter(({ syncId }) => syncId === undefined);
    const names = new Map(tenants.map((each) => [each.tenantId, each.displayName]));
    setRefused(
      left.map(
        ({ tenantId, detail = "" }) => `${names.get(tenantId) ?? tenantId}: ${t.said(detail)}`,
      ),
    );
    announce(t("tenants.startedMany", { count: value.length - left.length }));
    return answer;
  };
  return { sending, refused, start };
}

/** The list, with those of it that are chosen. */
function TenantList(props: {
  list: ReadList<TenantRow>;
  choice: Choice<TenantRow>;
  start: (body: StartBody) => Promise<unknown>;
}) {
  const { list, choice, start } = props;
  const t = useText();
  return (
    <Listed
      reading={list}
      label={t("tenants.title")}
      idOf={({ tenantId }) => tenantId}
      nameOf={({ displayName }) => displayName}
      columns={useColumns()}
      // The longest of the nine statuses fits in either language, with its arrow.
      widths="1fr 330px 1fr 1fr 1fr"
      choice={choice}
      renderMenu={(each) => (
        <TenantMenu tenant={each} onSync={() => void start({ tenantIds: [each.tenantId] })} />
      )}
      empty={<NoTenants />}
    />
  );
}

export function Page() {
  const t = useText();
  const may = useMay();
  const [{ status, window, tenant }, change] = tenantsScreen.useSearchState();
  const query = { syncStatus: status, top: 200 };
  const list = useReadList("GET /api/v1/tenants", { query }, { everySeconds: pauseOf });
  const tenants = list.body ?? [];
  const choice = useChoice((each: TenantRow) => [each.tenantId, each]);
  const { chosen } = choice;
  const { sending, refused, start } = useStart(tenants);
  const close = () => change({ window: undefined, tenant: undefined }, true);
  const sync = async (body: Omit<StartBody, "tenantIds">, tenantIds: string[]) => {
    const answer = await start({ ...body, tenantIds });
    if (answer && tenant === undefined) choice.clear();
    return answer;
  };
  const asked = tenants.filter(
    ({ tenantId }) =>
      (tenant === undefined ? chosen.has(tenantId) : tenant === tenantId) &&
      may("sync.run", tenantId),
  );
  const ofMany = {
    permission: "sync.run",
    why: chosen.size === 0 ? t("tenants.chooseFirst") : undefined,
  } as const;
  return (
    <PageFrame
      title={t("tenants.title")}
      bar={
        <>
          <MayButton
            {...ofMany}
            icon={<ArrowSyncRegular />}
            isBusy={sending.isSending}
            onClick={() => void sync({}, [...chosen.keys()])}
          >
            {t("tenants.syncChosen", { count: chosen.size })}
          </MayButton>
          <MayButton {...ofMany} onClick={() => change({ window: "start" })}>
            {t("tenants.syncOtherwise")}
          </MayButton>
          <MayButton onClick={() => change({ window: "statuses" })}>
            {t("tenants.statuses")}
          </MayButton>
        </>
      }
      barLabel={t("tenants.actions")}
    >
      <ByStatus />
      {sending.problem && window !== "start" && <ProblemView problem={sending.problem} />}
      {refused.length > 0 && (
        <Note intent="warning">{`${t("tenants.notStarted")} ${refused.join(" ")}`}</Note>
      )}
      <TenantList list={list} choice={choice} start={start} />
      {window === "start" && asked.length > 0 && (
        <StartWindow
          tenants={asked}
          sending={sending}
          onDo={(body) =>
            sync(
              body,
              asked.map(({ tenantId }) => tenantId),
            )
          }
          onDone={close}
          onClose={close}
        />
      )}
      <OpenWindow tenants={tenants} />
    </PageFrame>
  );
}
