/** Devices as rows: of a tenant, and of a collection. */
import type { ReactNode } from "react";
import type { BodyOf } from "../../clients/api.ts";
import type { ReadList } from "../api/read.ts";
import { Listed } from "../page/job/listed.tsx";
import { Go } from "../page/page.tsx";
import type { Choice } from "../page/rows.tsx";
import { deviceScreen } from "./screens.ts";
import { useText } from "./text.ts";

/** A device as the API shows it. */
export type Device = BodyOf<"GET /api/v1/tenants/{tenantId}/devices/{deviceId}">;

export function DeviceRows(props: {
  tenantId: string;
  reading: ReadList<Device>;
  empty: ReactNode;
  /** What stands above them. */
  above?: ReactNode;
  choice?: Choice<Device>;
  renderMenu?: (device: Device) => ReactNode;
  carries?: (device: Device) => string;
}) {
  const { tenantId, ...rest } = props;
  const t = useText();
  return (
    <Listed
      {...rest}
      label={t("devices.title")}
      columns={{
        [t("devices.name")]: ({ deviceId, name }) => (
          <Go to={deviceScreen.at({ tenantId, deviceId })}>{name === "" ? deviceId : name}</Go>
        ),
        [t("devices.os")]: ({ operatingSystem, osVersion }) => `${operatingSystem} ${osVersion}`,
        [t("devices.compliance")]: ({ complianceState }) => complianceState,
        [t("devices.agent")]: ({ managementAgent }) => managementAgent,
        [t("devices.user")]: ({ userPrincipalName = "" }) => userPrincipalName,
        [t("devices.seen")]: ({ lastSyncDateTime: at }) =>
          at === "" ? t("devices.never") : t.since(at),
      }}
      widths="1.4fr 1.5fr 1fr 1.2fr 1.4fr 1fr"
      idOf={({ deviceId }) => deviceId}
      nameOf={({ name }) => name}
    />
  );
}
