/** Devices of a run by bucket, and the commands for those that failed: by right click, Shift+F10, the row's button, and the bar. */
import {
  Button,
  MenuButton,
  MenuItem,
  MenuList,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { useState } from "react";
import type { ItemOf } from "../../../clients/api.ts";
import { useMay } from "../../api/me.ts";
import { useReadList } from "../../api/read.ts";
import { StateTabs } from "../../page/job/job.tsx";
import { Listed, Quiet } from "../../page/job/listed.tsx";
import { Reason } from "../../page/job/reason.tsx";
import { DropMenu } from "../../page/look/drop-menu.tsx";
import { Empty, Go, useGo } from "../../page/page.tsx";
import { useChoice } from "../../page/rows.tsx";
import { buckets, historyScreen, runScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { RestartWindow } from "./restart-window.tsx";
import { type Run, RunningFor } from "./run-words.tsx";

const name = "GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices";
/** A device of a run as the API shows it. */
export type DeviceRun = ItemOf<typeof name>;

const useStyles = makeStyles({
  bar: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalS} 0`,
  },
  old: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

/** A restart of these devices that somebody has asked for, and that waits for their yes. */
type Wanted = {
  readonly mode: "whole" | "lastFailedRequired";
  readonly devices: readonly DeviceRun[];
};

/** Tabs by bucket, the commands, and the rows. */
export function RunDevices({ run }: { run: Run }) {
  const { tenantId, runId, final, total } = run;
  const t = useText();
  const [{ bucket }, change] = runScreen.useSearchState();
  const choice = useChoice((device: DeviceRun) => [device.deviceId, device]);
  const { chosen } = choice;
  const [wanted, setWanted] = useState<Wanted | undefined>(undefined);
  const reading = useReadList(
    name,
    { params: { tenantId, runId }, query: { bucket, top: 200 } },
    final ? {} : { everySeconds: 5 },
  );
  const commands = (devices: readonly DeviceRun[]) => ({ run, devices, onWant: setWanted });
  return (
    <section aria-label={t("provisioning.devices")}>
      <StateTabs
        all={t("provisioning.all", { count: t.number(total) })}
        states={buckets}
        nameOf={(each) => t.named("buckets", each)}
        counts={run.buckets}
        chosen={bucket}
        onChoose={(each) => change({ bucket: each })}
      />
      <CommandBar {...commands([...chosen.values()])} />
      <Listed
        reading={reading}
        label={t("provisioning.devices")}
        idOf={({ deviceId }) => deviceId}
        nameOf={({ deviceName }) => deviceName}
        columns={{
          [t("provisioning.device")]: ({ deviceId, deviceName }) => (
            <Go to={historyScreen.at({ tenantId, runId, deviceId })}>{deviceName || deviceId}</Go>
          ),
          [t("provisioning.state")]: (each) => <State of={each} />,
          [t("provisioning.progress")]: (each) => <Progress device={each} />,
          [t("provisioning.reason")]: (each) => <Why device={each} />,
          [t("provisioning.since")]: ({ at }) => t.dateTime(at),
        }}
        widths="1fr 0.7fr 1.6fr 1.6fr 0.9fr"
        choice={choice}
        // Who opens the menu on a chosen row means all that are chosen.
        renderMenu={(device) => (
          <DeviceMenu
            {...commands(chosen.has(device.deviceId) ? [...chosen.values()] : [device])}
          />
        )}
        empty={<NoDevice total={total} />}
      />
      {wanted && (
        <RestartWindow
          run={run}
          restart={{
            mode: wanted.mode,
            deviceIds: wanted.devices.map(({ deviceId }) => deviceId),
          }}
          title={t(wanted.mode === "whole" ? "provisioning.retry" : "provisioning.resumeAt")}
          onClose={() => setWanted(undefined)}
        />
      )}
    </section>
  );
}

function NoDevice({ total }: { total: number }) {
  const t = useText();
  const [{ bucket }, change] = runScreen.useSearchState();
  const all = bucket && (
    <Button onClick={() => change({ bucket: undefined })}>
      {t("provisioning.all", { count: t.number(total) })}
    </Button>
  );
  return <Empty title={t("provisioning.noDevice")} action={all} />;
}

type CommandsProps = {
  run: Run;
  devices: readonly DeviceRun[];
  onWant: (wanted: Wanted) => void;
};

/** Why these devices are not restarted; undefined where they can be. */
function useWhyNot({ run, devices }: CommandsProps): string | undefined {
  const t = useText();
  const may = useMay();
  if (!may("provisioning.run", run.tenantId)) return t("provisioning.mayNotRun");
  if (devices.length === 0) return t("provisioning.chooseFailed");
  const isOpen = devices.some(({ bucket }) => bucket !== "failed" && bucket !== "notAttempted");
  return isOpen ? t("provisioning.onlyFailed") : undefined;
}

function useHistory({ run, devices }: CommandsProps): (() => void) | undefined {
  const go = useGo();
  const [device] = devices;
  if (device === undefined || devices.length > 1) return undefined;
  const to = { tenantId: run.tenantId, runId: run.runId, deviceId: device.deviceId };
  return () => go(historyScreen.at(to));
}

/** The two commands below Provisioning. */
function ProvisioningItems(props: CommandsProps) {
  const t = useText();
  const why = useWhyNot(props);
  const history = useHistory(props);
  return (
    <>
      <MenuItem
        disabled={why !== undefined}
        subText={why ?? null}
        onClick={() => props.onWant({ mode: "lastFailedRequired", devices: props.devices })}
      >
        {t("provisioning.resumeAt")}
      </MenuItem>
      <MenuItem
        disabled={history === undefined}
        subText={history === undefined ? t("provisioning.oneDevice") : null}
        onClick={() => history?.()}
      >
        {t("provisioning.history")}
      </MenuItem>
    </>
  );
}

/** The menu of a row, as the page has it. */
function DeviceMenu(props: CommandsProps) {
  const t = useText();
  const why = useWhyNot(props);
  return (
    <MenuList>
      <MenuItem
        disabled={why !== undefined}
        subText={why ?? t("provisioning.formerly")}
        onClick={() => props.onWant({ mode: "whole", devices: props.devices })}
      >
        {t("provisioning.retry")}
      </MenuItem>
      <DropMenu trigger={<MenuItem>{t("provisioning.provisioning")}</MenuItem>}>
        <ProvisioningItems {...props} />
      </DropMenu>
    </MenuList>
  );
}

/** The same for all that are chosen. */
function CommandBar(props: CommandsProps) {
  const t = useText();
  const styles = useStyles();
  const why = useWhyNot(props);
  const { devices, onWant } = props;
  return (
    <div className={styles.bar}>
      <Button
        disabledFocusable={why !== undefined}
        onClick={() => why === undefined && onWant({ mode: "whole", devices })}
      >
        {t("provisioning.retry")}
      </Button>
      <DropMenu
        trigger={
          <MenuButton disabled={devices.length === 0}>{t("provisioning.provisioning")}</MenuButton>
        }
      >
        <ProvisioningItems {...props} />
      </DropMenu>
      <span data-chosen={devices.length}>
        {devices.length > 0 && t("provisioning.chosen", { count: devices.length })} {why}
      </span>
      <span className={styles.old}>{t("provisioning.formerly")}</span>
    </div>
  );
}

function State({ of: { bucket, verdict, warnings } }: { of: DeviceRun }) {
  const t = useText();
  return (
    <span data-bucket={bucket}>
      {verdict === undefined ? t.named("buckets", bucket) : t.named("verdicts", verdict.id)}
      {warnings > 0 && <Quiet>{t("provisioning.warnings", { count: warnings })}</Quiet>}
    </span>
  );
}

/** Why a device does not go on, and until when. */
export function Waits({ waits }: { waits: NonNullable<DeviceRun["waits"]> }) {
  const t = useText();
  const { why, until } = waits;
  const reason = t.named("reasons", why);
  return until === undefined ? reason : t("provisioning.waits", { reason, at: t.dateTime(until) });
}

/** Why it failed, or why it waits. */
function Why({ device }: { device: DeviceRun }) {
  const { code, detail, waits, bucket } = device;
  if (waits !== undefined) return <Waits waits={waits} />;
  return <Reason code={bucket === "active" ? undefined : code} detail={detail} />;
}

/** How far a device is. It changes between actions only; while one is under way, the clock says that it is. */
export function Progress({ device }: { device: DeviceRun }) {
  const t = useText();
  const { done, of, current, bucket, at, waits } = device;
  const isMoving = bucket === "active" && waits === undefined;
  const words =
    current === undefined
      ? t("provisioning.allOf", { of })
      : t(bucket === "failed" ? "provisioning.failedAt" : "provisioning.nextOf", {
          done,
          of,
          action: current.name,
        });
  return (
    <>
      {words}
      {isMoving && (
        <Quiet>
          {current?.type === "restart" && `${t("provisioning.waitsForRestart")} `}
          <RunningFor since={at} />
        </Quiet>
      )}
    </>
  );
}
