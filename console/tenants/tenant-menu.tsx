/** What can be done with one tenant from its row: a sync, now or otherwise, and that nothing new leaves for it. */
import { MenuList } from "@fluentui/react-components";
import { useSend } from "../api/send.ts";
import { MayItem } from "../page/may-button.tsx";
import { AskWindow } from "../page/window.tsx";
import { tenantsScreen } from "./screens.ts";
import { type TenantRow, useText } from "./text.ts";

/** The menu. */
export function TenantMenu(props: { readonly tenant: TenantRow; readonly onSync: () => void }) {
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
export function PauseWindow(props: { readonly tenant: TenantRow; readonly onClose: () => void }) {
  const { tenant, onClose } = props;
  const { tenantId, displayName: name, pausedAt } = tenant;
  const t = useText();
  const sending = useSend("PATCH /api/v1/tenants/{tenantId}");
  const what = pausedAt === undefined ? "pause" : "resume";
  return (
    <AskWindow
      title={t(`tenants.${what}`)}
      verb={t(`tenants.${what}Do`)}
      sending={sending}
      onDo={() => sending.send({ params: { tenantId }, body: { paused: what === "pause" } })}
      onClose={onClose}
    >
      {t(`tenants.${what}What`, { name })}
    </AskWindow>
  );
}
