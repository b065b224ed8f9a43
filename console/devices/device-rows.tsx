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

/** The rows. */
export function DeviceRows(props: {
  readonly tenantId: string;
  readonly reading: ReadList<Device>;
  readonly empty: ReactNode;
  /** What stands above them. */
  readonly above?: ReactNode;
  readonly choice?: Choice<Device>;
  readonly renderMenu?: (device: Device) => ReactNode;
  readonly carries?: (device: Device) => string;
}) {
  const { tenantId, ...rest } = props;
  const t = useText();
  return (
    <Listed
      {...rest}
      label={t("devices.title")}
      columns={[
        [
          "name",
          t("devices.name"),
          ({ deviceId, name }) => (
            <Go to={deviceScreen.at({ tenantId, deviceId })}>{name === "" ? deviceId : name}</Go>
          ),
          "1.4fr",
        ],
        [
          "os",
          t("devices.os"),
          ({ operatingSystem, osVersion }) => `${operatingSystem} ${osVersion}`,
          "1.5fr",
        ],
        ["compliance", t("devices.compliance"), ({ complianceState }) => complianceState],
        ["agent", t("devices.agent"), ({ managementAgent }) => managementAgent, "1.2fr"],
        ["user", t("devices.user"), ({ userPrincipalName = "" }) => userPrincipalName, "1.4fr"],
        [
          "seen",
          t("devices.seen"),
          ({ lastSyncDateTime: at }) => (at === "" ? t("devices.never") : t.since(at)),
        ],
      ]}
      idOf={({ deviceId }) => deviceId}
      nameOf={({ name }) => name}
    />
  );
}
