/**
 * Services whose sweepers see one tenant's work only. Test files share their storage, and a sweeper would
 * otherwise carry on what another file's sandbox has to answer for.
 */

import type { Services } from "../../../../functions/services.ts";
import { RefreshStore } from "../../../../shared/devices/refresh/refresh-store.ts";
import { refreshesWith } from "../../../../shared/devices/refresh/work.ts";
import { JobStore } from "../../../../shared/fanout/state/job.ts";
import { notificationShape } from "../../../../shared/notifications/kind.ts";
import type { Notification } from "../../../../shared/notifications/notification.ts";
import type { NotifyRig } from "../../../support/notify-rig.ts";

/** The rig's services with the lists of open work cut to a tenant. */
export function servicesFor({ services }: NotifyRig, tenantId: string): Services {
  class OwnNotifications extends JobStore<Notification> {
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
  const { engine, refreshes, storage } = services;
  const own = new OwnNotifications(storage, notificationShape) as unknown as JobStore;
  const kinds = new Map(
    [...engine.kinds]
      .filter(([id]) => id === notificationShape.id)
      .map(([id, { kind }]) => [id, { kind, jobs: own }]),
  );
  return {
    ...services,
    engine: { ...engine, kinds },
    refreshes: refreshesWith({
      ...refreshes.parts,
      refreshes: new OwnRefreshes(storage.tables),
    }),
  };
}
