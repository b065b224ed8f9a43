/** A device: what is known of it, and what was done with it. */
import { Subtitle2 } from "@fluentui/react-components";
import { useRead, useReadList } from "../api/read.ts";
import { ActionBar } from "../notifications/action-bar.tsx";
import { notificationScreen } from "../notifications/screens.ts";
import { SendPanel } from "../notifications/send-panel.tsx";
import { Listed } from "../page/job/listed.tsx";
import { Reason } from "../page/job/reason.tsx";
import { Empty, Facts, Go, PageFrame, Shown } from "../page/page.tsx";
import type { Device } from "./device-rows.tsx";
import { deviceListScreen, deviceScreen } from "./screens.ts";
import { useText } from "./text.ts";

const history = "GET /api/v1/tenants/{tenantId}/devices/{deviceId}/history";

export function Page() {
  const t = useText();
  const { tenantId, deviceId } = deviceScreen.useParams();
  const [{ send }, change] = deviceScreen.useSearchState();
  const reading = useRead("GET /api/v1/tenants/{tenantId}/devices/{deviceId}", {
    params: { tenantId, deviceId },
  });
  const name = reading.body?.name ?? "";
  return (
    <PageFrame
      title={name === "" ? t("devices.one") : name}
      above={<Go to={deviceListScreen.at({ tenantId })}>{t("devices.title")}</Go>}
      bar={
        <ActionBar of="device" tenantId={tenantId} onSend={(action) => change({ send: action })} />
      }
    >
      <Shown reading={reading}>{(device) => <Known device={device} />}</Shown>
      <History tenantId={tenantId} deviceId={deviceId} />
      {send !== undefined && reading.body && (
        <SendPanel
          tenantId={tenantId}
          send={send}
          to={{ target: { kind: "devices", deviceIds: [deviceId] }, words: name }}
          onChange={(action) => change({ send: action })}
        />
      )}
    </PageFrame>
  );
}

function Known({ device }: { device: Device }) {
  const t = useText();
  const moment = (at: string | undefined): string | undefined =>
    at === undefined || at === "" ? undefined : t.dateTime(at);
  return (
    <Facts
      inColumns
      of={{
        [t("devices.os")]: `${device.operatingSystem} ${device.osVersion}`,
        [t("devices.compliance")]: device.complianceState,
        [t("devices.agent")]: device.managementAgent,
        [t("devices.seen")]: moment(device.lastSyncDateTime) ?? t("devices.never"),
        [t("devices.enrolled")]: moment(device.enrolledDateTime),
        [t("devices.user")]: device.userPrincipalName,
        [t("devices.serial")]: device.serialNumber,
        [t("devices.model")]: [device.manufacturer, device.model].filter(Boolean).join(" "),
        [t("devices.tag")]: device.groupTag,
        [t("devices.intuneId")]: device.deviceId,
        [t("devices.entraId")]: device.entraDeviceId,
        [t("devices.site")]: device.siteCode,
        [t("devices.resourceId")]: device.configMgrResourceId?.toString(),
      }}
    />
  );
}

function History(props: { tenantId: string; deviceId: string }) {
  const { tenantId } = props;
  const t = useText();
  const reading = useReadList(history, { params: props }, { everySeconds: 15 });
  return (
    <section>
      <Subtitle2 as="h2">{t("devices.history")}</Subtitle2>
      <Listed
        reading={reading}
        label={t("devices.history")}
        idOf={({ notificationId }) => notificationId}
        nameOf={({ action }) => t.named("actions", action)}
        columns={{
          [t("devices.action")]: ({ notificationId, action }) => (
            <Go to={notificationScreen.at({ tenantId, notificationId })}>
              {t.named("actions", action)}
            </Go>
          ),
          [t("devices.state")]: ({ state }) => t.named("deliveryStates", state),
          [t("devices.reason")]: (entry) => <Reason {...entry} />,
          [t("devices.at")]: ({ at }) => t.dateTime(at),
        }}
        widths="1fr 0.6fr 2fr 1fr"
        empty={<Empty title={t("devices.noHistory")}>{t("devices.noHistoryWhy")}</Empty>}
      />
    </section>
  );
}
