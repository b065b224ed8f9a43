/** What can be done with one tenant from its row: a sync, now or otherwise, and that nothing new leaves for it. */
import { MenuList } from "@fluentui/react-components";
import { useState } from "react";
import { CallWindow } from "../page/job/call.tsx";
import { MayItem } from "../page/may-button.tsx";
import { TextField, useHeld } from "../page/values/fields.tsx";
import { tenantsScreen } from "./screens.ts";
import { type TenantRow, useText } from "./text.ts";

export function TenantMenu(props: { tenant: TenantRow; onSync: () => void }) {
  const { tenantId, pausedAt } = props.tenant;
  const t = useText();
  const change = tenantsScreen.useChangeSearch();
  const open = (window: "start" | "pause") => () => change({ window, tenant: tenantId });
  return (
    <MenuList>
      <MayItem permission="sync.run" tenantId={tenantId} onClick={props.onSync}>
        {t("tenants.syncNow")}
      </MayItem>
      <MayItem permission="sync.run" tenantId={tenantId} onClick={open("start")}>
        {t("tenants.syncOtherwise")}
      </MayItem>
      <MayItem permission="tenants.manage" tenantId={tenantId} onClick={open("pause")}>
        {t(pausedAt === undefined ? "tenants.pause" : "tenants.resume")}
      </MayItem>
    </MenuList>
  );
}

/** Asks before nothing new leaves for a tenant any more, or before it goes on. */
export function PauseWindow(props: { tenant: TenantRow; onClose: () => void }) {
  const { onClose } = props;
  // Whatever is read meanwhile: it does what was asked about.
  const [{ tenantId, displayName: name, pausedAt }] = useState(props.tenant);
  const t = useText();
  const reason = useHeld("");
  const what = pausedAt === undefined ? "pause" : "resume";
  const body =
    what === "pause" ? { paused: true, pauseReason: reason.value.trim() } : { paused: false };
  return (
    <CallWindow
      title={t(`tenants.${what}`)}
      verb={t(`tenants.${what}Do`)}
      call="PATCH /api/v1/tenants/{tenantId}"
      given={{ params: { tenantId }, body }}
      isReady={body.pauseReason !== ""}
      onClose={onClose}
    >
      {t(`tenants.${what}What`, { name })}
      {what === "pause" && (
        <TextField label={t("tenants.why")} required {...reason} maxLength={200} />
      )}
    </CallWindow>
  );
}
