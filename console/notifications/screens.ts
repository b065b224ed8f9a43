/** Screens of notifications: what was sent, and what became of it. */
import { SendRegular } from "@fluentui/react-icons";
import { oneOf, screen } from "../page/screen.ts";

/** States of a delivery, in the order in which a bar shows them. */
export const deliveryStates = [
  "done",
  "failed",
  "offline",
  "expired",
  "unknown",
  "cancelled",
  "notSupported",
  "sent",
  "waiting",
] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** Everything that was sent in a tenant, newest first. */
export const notificationListScreen = screen({
  path: "/tenants/$tenantId/notifications",
  title: { en: "Notifications", fr: "Notifications" },
  permission: "notifications.read",
  nav: { section: "tenant", icon: SendRegular },
  load: () => import("./notification-list.tsx"),
});

/** One of them. */
export const notificationScreen = screen({
  path: "/tenants/$tenantId/notifications/$notificationId",
  title: { en: "Notification", fr: "Notification" },
  permission: "notifications.read",
  search: { state: oneOf(...deliveryStates), window: oneOf("retry", "cancel") },
  command: ({ tenantId, notificationId }) => `watch ${notificationId} --tenant ${tenantId}`,
  load: () => import("./notification-page.tsx"),
});

/** The page of a device, which is another room's. */
export const deviceAt = (tenantId: string, deviceId: string) => ({
  to: "/tenants/$tenantId/devices/$deviceId",
  params: { tenantId, deviceId },
  search: undefined,
});
