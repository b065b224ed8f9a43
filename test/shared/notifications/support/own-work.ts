/**
 * Services whose sweepers see one tenant's work only. Test files share their storage, and a sweeper would
 * otherwise carry on what another file's sandbox has to answer for.
 */
import type { Services } from "../../../../functions/services.ts";
import { RefreshStore } from "../../../../shared/devices/refresh/refresh-store.ts";
import { NotificationStore } from "../../../../shared/notifications/state/notification-store.ts";
import type { NotifyRig } from "../../../support/notify-rig.ts";

/** The rig's services with the lists of open work cut to a tenant. */
export function servicesFor({ services }: NotifyRig, tenantId: string): Services {
  class OwnNotifications extends NotificationStore {
    override async open(top: number, token?: string) {
      const page = await super.open(top, token);
      return { ...page, open: page.open.filter((each) => each.tenantId === tenantId) };
    }
  }
  class OwnRefreshes extends RefreshStore {
    override async listOpen(top: number, token?: string) {
      const page = await super.listOpen(top, token);
      return { ...page, open: page.open.filter((each) => each.tenantId === tenantId) };
    }
  }
  const { notify, refresh, storage } = services;
  return {
    ...services,
    notify: { ...notify, notifications: new OwnNotifications(storage) },
    refresh: { ...refresh, refreshes: new OwnRefreshes(storage.tables) },
  };
}
