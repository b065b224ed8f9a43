/** The devices of a tenant: filtered, chosen, and sent to. */
import {
  Button,
  MenuDivider,
  MenuItem,
  MenuList,
  makeStyles,
  tokens,
  Text as Words,
} from "@fluentui/react-components";
import { CalendarAddRegular, CollectionsAddRegular, LaptopRegular } from "@fluentui/react-icons";
import { useReadList } from "../api/read.ts";
import { ActionBar, ActionItems } from "../notifications/action-bar.tsx";
import { SendPanel, type SendTarget } from "../notifications/send-panel.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Empty, PageFrame, useGo } from "../page/page.tsx";
import { carried } from "../provisioning/tasks/add-targets.tsx";
import { TaskDrop } from "../provisioning/tasks/task-drop.tsx";
import { CollectionWindow } from "./collections/collection-window.tsx";
import { type Device, DeviceRows } from "./device-rows.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { type Filters, filterWords, isFiltered, queryOf, ruleOf } from "./filters.ts";
import { RefreshButton } from "./refresh.tsx";
import { deviceListScreen, deviceScreen } from "./screens.ts";
import { useSelection } from "./selection.ts";
import { type Text, useText } from "./text.ts";

const useStyles = makeStyles({
  bar: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    minHeight: "32px",
  },
});

type Chosen = ReadonlyMap<string, string>;

/** Whom an action is for: all that match where the address says so, else the chosen ones; never all for want of those. */
function targetOf(
  to: "match" | undefined,
  filters: Filters,
  chosen: Chosen,
  t: Text,
): SendTarget | undefined {
  const rule = ruleOf(filters);
  if (to === "match")
    return rule === undefined
      ? { target: { kind: "tenant" }, words: t("devices.wholeTenant") }
      : {
          target: { kind: "rule", rule },
          words: t("devices.matching", { filters: filterWords(filters, t) }),
        };
  if (chosen.size === 0) return undefined;
  const deviceIds = [...chosen.keys()];
  const [first = ""] = chosen.values();
  const words = chosen.size === 1 ? first : t("devices.chosen", { count: chosen.size });
  return { target: { kind: "devices", deviceIds }, words };
}

/** The same for a task; it has no word for a whole tenant. */
function taskTargets({ target }: SendTarget) {
  if (target.kind === "devices") return { deviceIds: target.deviceIds };
  return target.kind === "rule" ? { rules: [target.rule] } : undefined;
}

export function Page() {
  const t = useText();
  const { tenantId } = deviceListScreen.useParams();
  const [{ send, to, window: open, ...filters }, change] = deviceListScreen.useSearchState();
  const { chosen, clear } = useSelection(tenantId);
  const target = targetOf(to, filters, chosen, t);
  return (
    <PageFrame
      title={t("devices.title")}
      bar={
        <>
          <ActionBar
            of="device"
            tenantId={tenantId}
            isEmpty={target === undefined}
            onSend={(action) => change({ send: action })}
          />
          <More tenantId={tenantId} />
        </>
      }
    >
      <FilterBar />
      <SelectionBar filters={filters} chosen={chosen} to={to} onClear={clear} />
      {open === "task" && (
        <TaskDrop
          tenantId={tenantId}
          targets={target && taskTargets(target)}
          words={target?.words ?? t("devices.chosen", { count: 0 })}
        />
      )}
      <List tenantId={tenantId} filters={filters} isForAll={to !== undefined} />
      {send !== undefined && (
        <SendPanel
          tenantId={tenantId}
          send={send}
          to={target}
          onChange={(action) => change({ send: action })}
        />
      )}
      {open === "collection" && (
        <CollectionWindow
          tenantId={tenantId}
          initial={
            chosen.size > 0 && to === undefined
              ? { kind: "static", name: "", deviceIds: [...chosen.keys()] }
              : { kind: "rule", name: "", rule: ruleOf(filters) ?? { and: [] } }
          }
          onClose={() => change({ window: undefined })}
        />
      )}
    </PageFrame>
  );
}

/** The devices that the filters find. */
function List(props: { tenantId: string; filters: Filters; isForAll: boolean }) {
  const { tenantId, filters, isForAll } = props;
  const t = useText();
  const change = deviceListScreen.useChangeSearch();
  const { chosen, change: choose } = useSelection(tenantId);
  const reading = useReadList("GET /api/v1/tenants/{tenantId}/devices", {
    params: { tenantId },
    query: queryOf(filters),
  });
  const { hidden } = reading;
  const choice = {
    chosen,
    change: (items: readonly Device[], isChosen: boolean) => {
      choose(items, isChosen);
      // Who chooses one by one does not mean all of them any more.
      if (isForAll) change({ to: undefined }, true);
    },
  };
  return (
    <>
      {hidden > 0 && <Words>{t("devices.hidden", { count: hidden })}</Words>}
      <DeviceRows
        tenantId={tenantId}
        reading={reading}
        choice={choice}
        carries={({ deviceId }) =>
          // Who drags a chosen one means all that are chosen.
          carried({ deviceIds: chosen.has(deviceId) ? [...chosen.keys()] : [deviceId] })
        }
        renderMenu={({ deviceId }) => <RowMenu tenantId={tenantId} deviceId={deviceId} />}
        empty={<Nothing tenantId={tenantId} isFiltered={isFiltered(filters)} />}
      />
    </>
  );
}

/** What is done with one device: on its own page, so that the choice of others stays as it is. */
function RowMenu(params: { tenantId: string; deviceId: string }) {
  const t = useText();
  const goTo = useGo();
  const go = (send?: string) => goTo(deviceScreen.at(params, send === undefined ? {} : { send }));
  return (
    <MenuList>
      <MenuItem onClick={() => go()}>{t("devices.open")}</MenuItem>
      <MenuDivider />
      <ActionItems tenantId={params.tenantId} onSend={go} />
    </MenuList>
  );
}

/** What is done with the list as a whole. */
function More({ tenantId }: { tenantId: string }) {
  const t = useText();
  const [{ window: open }, change] = deviceListScreen.useSearchState();
  return (
    <>
      <MayButton
        icon={<CollectionsAddRegular />}
        permission="collections.manage"
        onClick={() => change({ window: "collection" })}
      >
        {t("devices.toCollection")}
      </MayButton>
      <MayButton
        icon={<CalendarAddRegular />}
        permission="tasks.manage"
        onClick={() => change({ window: open === "task" ? undefined : "task" })}
      >
        {t("devices.toTask")}
      </MayButton>
      <RefreshButton tenantId={tenantId} />
    </>
  );
}

/** How many are chosen, and the way to all that match. */
function SelectionBar(props: {
  filters: Filters;
  chosen: Chosen;
  to: "match" | undefined;
  onClear: () => void;
}) {
  const { filters, chosen, to, onClear } = props;
  const t = useText();
  const styles = useStyles();
  const change = deviceListScreen.useChangeSearch();
  const words =
    to === undefined
      ? t("devices.chosen", { count: chosen.size })
      : isFiltered(filters)
        ? t("devices.allMatching")
        : t("devices.wholeTenant");
  return (
    <div className={styles.bar}>
      <Words weight="semibold" data-chosen={to ?? chosen.size}>
        {words}
      </Words>
      {to === undefined ? (
        <Button size="small" onClick={() => change({ to: "match" })}>
          {t(isFiltered(filters) ? "devices.chooseMatching" : "devices.chooseAll")}
        </Button>
      ) : (
        <Button size="small" onClick={() => change({ to: undefined })}>
          {t("devices.notAll")}
        </Button>
      )}
      {chosen.size > 0 && to === undefined && (
        <Button size="small" onClick={onClear}>
          {t("devices.clear")}
        </Button>
      )}
    </div>
  );
}

/** No device: since none matches, or since none was imported. */
function Nothing(props: { tenantId: string; isFiltered: boolean }) {
  const t = useText();
  if (props.isFiltered)
    return (
      <Empty icon={<LaptopRegular />} title={t("devices.noneMatch")}>
        {t("devices.noneMatchWhy")}
      </Empty>
    );
  return (
    <Empty
      icon={<LaptopRegular />}
      title={t("devices.none")}
      action={<RefreshButton tenantId={props.tenantId} />}
    >
      {t("devices.noneWhy")}
    </Empty>
  );
}
