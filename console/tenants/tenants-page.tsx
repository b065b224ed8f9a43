/** The tenants, with the status column whose cells are what can be done; syncs of one and of many. */
import {
  Button,
  Checkbox,
  MessageBar,
  MessageBarBody,
  makeStyles,
  Table,
  TableBody,
  TableCell,
  TableHeader,
  TableHeaderCell,
  TableRow,
  tokens,
} from "@fluentui/react-components";
import { ArrowSyncRegular, BuildingMultipleRegular } from "@fluentui/react-icons";
import { useCallback, useState } from "react";
import { useNames, useSaid } from "../api/names.ts";
import { useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce, useUnseen } from "../page/announce.tsx";
import { Choose, Filters } from "../page/filters.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Facts, Go, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { ConsentWindow } from "../sync/consent-window.tsx";
import { OutcomeWindow } from "../sync/outcome-window.tsx";
import { VerdictWindow } from "../sync/plan/verdict-window.tsx";
import { syncListScreen } from "../sync/screens.ts";
import { SignInWindow } from "../sync/sign-in-window.tsx";
import { useFormat } from "../text/format.ts";
import { statuses, tenantsScreen } from "./screens.ts";
import { StatusCell } from "./status-cell.tsx";
import { type TenantRow, useText } from "./text.ts";

const useStyles = makeStyles({
  scroll: { overflowX: "auto" },
  // Narrow, each row is a card, and every cell says its column.
  table: {
    "@media (max-width: 720px)": {
      "& thead": { display: "none" },
      "& tr": { display: "flex", flexWrap: "wrap", padding: `${tokens.spacingVerticalS} 0` },
      "& td": { flexBasis: "100%", height: "auto", minHeight: "28px" },
    },
  },
  select: { width: "44px", "@media (max-width: 720px)": { position: "absolute", right: 0 } },
  // The longest of the nine fits in either language, with its arrow.
  status: { width: "330px", "@media (max-width: 720px)": { width: "auto" } },
  name: { fontWeight: tokens.fontWeightSemibold, overflowWrap: "anywhere" },
});

/** While something moves it is looked at often, else now and then. */
const pauseOf = (tenants: readonly TenantRow[]): number =>
  tenants.some(({ sync }) => sync?.status === "starting" || sync?.status === "inProgress") ? 2 : 10;

function ByStatus() {
  const t = useText();
  const named = useNames();
  const { status } = tenantsScreen.useSearch();
  const change = tenantsScreen.useChangeSearch();
  return (
    <Filters isFiltered={status !== undefined} onClear={() => change({ status: undefined })}>
      <Choose
        label={t("tenants.status")}
        value={status}
        any={t("tenants.allStatuses")}
        values={statuses.map((each) => [each, named("syncStatuses", each)] as const)}
        onChange={(value) => change({ status: statuses.find((each) => each === value) })}
      />
    </Filters>
  );
}

/** What each of the statuses means, as the API names them. */
function Legend({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const named = useNames();
  return (
    <Window title={t("tenants.statuses")} onClose={onClose}>
      <Facts
        of={Object.fromEntries(
          statuses.map((each) => [named("syncStatuses", each), t(`tenants.means.${each}`)]),
        )}
      />
    </Window>
  );
}

function Row(props: {
  readonly tenant: TenantRow;
  readonly isChosen: boolean;
  readonly onChoose: (isChosen: boolean) => void;
}) {
  const { tenant, isChosen, onChoose } = props;
  const t = useText();
  const styles = useStyles();
  const { since, dateTime } = useFormat();
  const { sync } = tenant;
  return (
    <TableRow aria-selected={isChosen}>
      <TableCell className={styles.select}>
        <Checkbox
          checked={isChosen}
          aria-label={t("tenants.choose", { name: tenant.displayName })}
          onChange={(_event, { checked }) => onChoose(checked === true)}
        />
      </TableCell>
      <TableCell className={styles.name}>
        <Go to={syncListScreen.at({ tenantId: tenant.tenantId })}>{tenant.displayName}</Go>
      </TableCell>
      <TableCell className={styles.status}>
        {sync ? <StatusCell tenant={tenant} sync={sync} /> : t("tenants.unseen")}
      </TableCell>
      <TableCell title={sync && dateTime(sync.since)}>{sync ? since(sync.since) : ""}</TableCell>
      <TableCell>
        {sync
          ? (sync.by.name ?? t(sync.by.kind === "system" ? "tenants.bySystem" : "tenants.byApp"))
          : ""}
      </TableCell>
      <TableCell>
        {sync?.nextSyncAt === undefined ? t("tenants.never") : dateTime(sync.nextSyncAt)}
      </TableCell>
    </TableRow>
  );
}

/** The window that the address names. */
function OpenWindow({ tenants }: { readonly tenants: readonly TenantRow[] }) {
  const { window, tenant: tenantId } = tenantsScreen.useSearch();
  const { name } = useFormat();
  const change = tenantsScreen.useChangeSearch();
  const close = useCallback(() => change({ window: undefined, tenant: undefined }, true), [change]);
  if (window === "statuses") return <Legend onClose={close} />;
  const sync = tenants.find((each) => each.tenantId === tenantId)?.sync;
  const syncId = sync?.activeSyncId ?? sync?.lastSyncId;
  if (window === undefined || tenantId === undefined || sync === undefined || syncId === undefined)
    return null;
  const ids = { tenantId, syncId };
  const title = name(sync.names);
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
    default:
      return <VerdictWindow ids={ids} verdict={window} onClose={close} onDone={close} />;
  }
}

const columns = ["name", "status", "since", "by", "next"] as const;

type Choosing = {
  readonly chosen: ReadonlySet<string>;
  readonly choose: (tenantId: string, isChosen: boolean) => void;
};

function TenantTable({ rows, chosen, choose }: Choosing & { readonly rows: readonly TenantRow[] }) {
  const t = useText();
  const styles = useStyles();
  const unseen = useUnseen();
  return (
    <div className={styles.scroll}>
      <Table aria-label={t("tenants.title")} className={styles.table}>
        <TableHeader>
          <TableRow>
            <TableHeaderCell className={styles.select}>
              <span className={unseen.root}>{t("tenants.chosen")}</span>
            </TableHeaderCell>
            {columns.map((id) => (
              <TableHeaderCell key={id} className={id === "status" ? styles.status : undefined}>
                {t(`tenants.${id}`)}
              </TableHeaderCell>
            ))}
          </TableRow>
        </TableHeader>
        <TableBody>
          {rows.map((each) => (
            <Row
              key={each.tenantId}
              tenant={each}
              isChosen={chosen.has(each.tenantId)}
              onChoose={(isChosen) => choose(each.tenantId, isChosen)}
            />
          ))}
        </TableBody>
      </Table>
    </div>
  );
}

function NoTenants() {
  const t = useText();
  const { status } = tenantsScreen.useSearch();
  const change = tenantsScreen.useChangeSearch();
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

/** The page. */
export function Page() {
  const t = useText();
  const said = useSaid();
  const { status } = tenantsScreen.useSearch();
  const change = tenantsScreen.useChangeSearch();
  const query = { syncStatus: status, top: 200 };
  const list = useReadList("GET /api/v1/tenants", { query }, { everySeconds: pauseOf });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const startMany = useSend("POST /api/v1/syncs");
  const [refused, setRefused] = useState<readonly string[]>([]);
  const tenants = list.body ?? [];
  const choose = (id: string, isChosen: boolean) => {
    const next = new Set(chosen);
    if (isChosen) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const sync = async () => {
    const answer = await startMany.send({ body: { tenantIds: [...chosen] } });
    if (answer === undefined) return;
    const { value } = answer.body;
    const left = value.filter(({ syncId }) => syncId === undefined);
    const names = new Map(tenants.map((each) => [each.tenantId, each.displayName]));
    setRefused(
      left.map(
        ({ tenantId, detail = "" }) => `${names.get(tenantId) ?? tenantId}: ${said(detail)}`,
      ),
    );
    setChosen(new Set());
    announce(t("tenants.startedMany", { count: value.length - left.length }));
  };
  return (
    <PageFrame
      title={t("tenants.title")}
      bar={
        <>
          <MayButton
            icon={<ArrowSyncRegular />}
            permission="sync.run"
            why={chosen.size === 0 ? t("tenants.chooseFirst") : undefined}
            isBusy={startMany.isSending}
            onClick={() => void sync()}
          >
            {t("tenants.syncChosen", { count: chosen.size })}
          </MayButton>
          <MayButton onClick={() => change({ window: "statuses" })}>
            {t("tenants.statuses")}
          </MayButton>
        </>
      }
      barLabel={t("tenants.actions")}
    >
      <ByStatus />
      {startMany.problem && <ProblemView problem={startMany.problem} />}
      {refused.length > 0 && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{`${t("tenants.notStarted")} ${refused.join(" ")}`}</MessageBarBody>
        </MessageBar>
      )}
      <Shown reading={list}>
        {(rows) =>
          rows.length === 0 ? (
            <NoTenants />
          ) : (
            <TenantTable rows={rows} chosen={chosen} choose={choose} />
          )
        }
      </Shown>
      {list.hasMore && <Button onClick={list.readMore}>{t("tenants.more")}</Button>}
      <OpenWindow tenants={tenants} />
    </PageFrame>
  );
}
