/** Devices as rows: of a tenant, and of a collection. */
import type { ReactNode } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { Go } from "../page/page.tsx";
import { type Choice, Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { deviceScreen } from "./screens.ts";
import { useText } from "./text.ts";

/** A device as the API shows it. */
export type Device = BodyOf<"GET /api/v1/tenants/{tenantId}/devices/{deviceId}">;

/** The rows. */
export function DeviceRows(props: {
  readonly tenantId: string;
  readonly devices: readonly Device[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
  readonly choice?: Choice<Device>;
  readonly renderMenu?: (device: Device) => ReactNode;
  readonly carries?: (device: Device) => string;
}) {
  const { tenantId, devices, ...rest } = props;
  const t = useText();
  const { since } = useFormat();
  const columns = [
    {
      id: "name",
      title: t("devices.name"),
      width: "1.4fr",
      render: ({ deviceId, name }: Device) => (
        <Go to={deviceScreen.at({ tenantId, deviceId })}>{name === "" ? deviceId : name}</Go>
      ),
    },
    {
      id: "os",
      title: t("devices.os"),
      width: "1.5fr",
      render: ({ operatingSystem, osVersion }: Device) => `${operatingSystem} ${osVersion}`,
    },
    {
      id: "compliance",
      title: t("devices.compliance"),
      render: ({ complianceState }: Device) => complianceState,
    },
    {
      id: "agent",
      title: t("devices.agent"),
      width: "1.2fr",
      render: ({ managementAgent }: Device) => managementAgent,
    },
    {
      id: "user",
      title: t("devices.user"),
      width: "1.4fr",
      render: ({ userPrincipalName = "" }: Device) => userPrincipalName,
    },
    {
      id: "seen",
      title: t("devices.seen"),
      render: ({ lastSyncDateTime: at }: Device) => (at === "" ? t("devices.never") : since(at)),
    },
  ];
  return (
    <Rows
      {...rest}
      label={t("devices.title")}
      columns={columns}
      items={devices}
      idOf={({ deviceId }) => deviceId}
      nameOf={({ name }) => name}
    />
  );
}
