/**
 * The status of a tenant, which is what can be done about it: nine of them, whose names come from the API. The red one
 * has a tooltip with the error, on hover and on focus, closed by Escape.
 */
import {
  Badge,
  Button,
  MenuButton,
  type MenuButtonProps,
  MenuItem,
  type MenuTriggerChildProps,
  makeStyles,
  Spinner,
  SplitButton,
  Tooltip,
  tokens,
} from "@fluentui/react-components";
import {
  CheckmarkCircleRegular,
  CircleRegular,
  ErrorCircleFilled,
  PauseRegular,
  PersonKeyRegular,
  RocketRegular,
  ShieldKeyholeRegular,
  TaskListSquareLtrRegular,
  WarningRegular,
} from "@fluentui/react-icons";
import { useMay } from "../api/me.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { DropMenu } from "../page/look/drop-menu.tsx";
import { useGo } from "../page/page.tsx";
import { planScreen } from "../sync/screens.ts";
import { tenantsScreen } from "./screens.ts";
import { type SyncState, type TenantRow, useText } from "./text.ts";

const useStyles = makeStyles({
  plain: { display: "inline-flex", alignItems: "center", gap: tokens.spacingHorizontalS },
  idle: { color: tokens.colorStatusSuccessForeground1 },
  button: { whiteSpace: "nowrap" },
  error: {
    whiteSpace: "nowrap",
    backgroundColor: tokens.colorStatusDangerBackground3,
    color: tokens.colorNeutralForegroundOnBrand,
    ":hover": {
      backgroundColor: tokens.colorStatusDangerBackground3Hover,
      color: tokens.colorNeutralForegroundOnBrand,
    },
    ":hover:active": {
      backgroundColor: tokens.colorStatusDangerBackground3Pressed,
      color: tokens.colorNeutralForegroundOnBrand,
    },
    "@media (forced-colors: active)": { backgroundColor: "ButtonFace", color: "ButtonText" },
  },
});

type Props = { tenant: TenantRow; sync: SyncState; label: string };

/** Under way: what it says, and a menu that stops it. */
function Moving({ tenant: { tenantId, displayName }, sync, label }: Props) {
  const t = useText();
  const styles = useStyles();
  const may = useMay();
  const cancel = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/cancel");
  const { activeSyncId: syncId, paused } = sync;
  const moving = sync.status === "starting" ? <RocketRegular /> : <Spinner size="tiny" />;
  const icon = paused ? <PauseRegular /> : moving;
  const rests = paused && (
    <Badge appearance="tint" color="warning" title={t.dateTime(paused.at)}>
      {t("tenants.syncPaused")}
    </Badge>
  );
  if (syncId === undefined || !may("sync.run", tenantId))
    return (
      <span className={styles.plain}>
        {icon}
        {label} {rests}
      </span>
    );
  const stop = async () => {
    const done = await cancel.send({ params: { tenantId, syncId } });
    if (done !== undefined) announce(t("tenants.cancelling", { name: displayName }));
  };
  return (
    <>
      <DropMenu
        trigger={
          <MenuButton appearance="subtle" size="small" icon={icon} className={styles.button}>
            {label}
          </MenuButton>
        }
      >
        <MenuItem onClick={() => void stop()}>{t("tenants.cancelSync")}</MenuItem>
      </DropMenu>
      {rests}
    </>
  );
}

/** A plan waits: the button shows it, the arrow has the three verdicts. */
function Approval({ tenant: { tenantId, displayName }, sync, label }: Props) {
  const t = useText();
  const styles = useStyles();
  const may = useMay();
  const go = useGo();
  const change = tenantsScreen.useChangeSearch();
  const { activeSyncId: syncId = "" } = sync;
  const open = () => go(planScreen.at({ tenantId, syncId }));
  const begin = (window: "approve" | "reject" | "reset") => () =>
    change({ window, tenant: tenantId });
  if (!may("sync.approve", tenantId))
    return (
      <Button size="small" icon={<TaskListSquareLtrRegular />} onClick={open}>
        {label}
      </Button>
    );
  return (
    <DropMenu
      positioning="below-end"
      trigger={(trigger: MenuTriggerChildProps) => (
        <SplitButton
          size="small"
          className={styles.button}
          icon={<TaskListSquareLtrRegular />}
          primaryActionButton={{ onClick: open }}
          menuButton={{
            ...(trigger as MenuButtonProps),
            "aria-label": t("tenants.verdicts", { name: displayName }),
          }}
        >
          {label}
        </SplitButton>
      )}
    >
      <MenuItem onClick={begin("approve")}>{t("tenants.approve")}</MenuItem>
      <MenuItem onClick={begin("reject")}>{t("tenants.reject")}</MenuItem>
      <MenuItem onClick={begin("reset")}>{t("tenants.reset")}</MenuItem>
    </DropMenu>
  );
}

/** The red button. */
function Failed({ tenant: { tenantId }, sync, label }: Props) {
  const change = tenantsScreen.useChangeSearch();
  return (
    <Tooltip content={sync.error ?? label} relationship="description" withArrow>
      <Button
        size="small"
        className={useStyles().error}
        icon={<ErrorCircleFilled />}
        onClick={() => change({ window: "error", tenant: tenantId })}
      >
        {label}
      </Button>
    </Tooltip>
  );
}

const windows = {
  pendingAuthentication: ["authentication", <PersonKeyRegular key="" />],
  partiallySucceeded: ["partial", <WarningRegular key="" />],
  pendingAdminConsent: ["consent", <ShieldKeyholeRegular key="" />],
} as const;

/** The cell of the column. */
export function StatusCell({ tenant, sync }: Omit<Props, "label">) {
  const t = useText();
  const styles = useStyles();
  const change = tenantsScreen.useChangeSearch();
  const label = t.name(sync.names);
  const props = { tenant, sync, label };
  switch (sync.status) {
    case "notRun":
    case "idle":
      return (
        <span className={styles.plain}>
          {sync.status === "idle" ? (
            <CheckmarkCircleRegular className={styles.idle} />
          ) : (
            <CircleRegular />
          )}
          {label}
        </span>
      );
    case "starting":
    case "inProgress":
      return <Moving {...props} />;
    case "newError":
      return <Failed {...props} />;
    case "pendingApproval":
      return <Approval {...props} />;
    default: {
      const [window, icon] = windows[sync.status];
      return (
        <Button
          size="small"
          className={styles.button}
          icon={icon}
          onClick={() => change({ window, tenant: tenant.tenantId })}
        >
          {label}
        </Button>
      );
    }
  }
}
