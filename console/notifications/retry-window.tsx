/** Sends again where it did not arrive, as a new notification that names this one. */
import { Text as Words } from "@fluentui/react-components";
import { ArrowRepeatAllRegular } from "@fluentui/react-icons";
import { Ticks } from "../page/filters.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { Note } from "../page/look/note.tsx";
import { useGo } from "../page/page.tsx";
import { CheckField, useHeld } from "../page/values/fields.tsx";
import { badStates, type Counts, type Notification } from "./counts.tsx";
import { notificationScreen } from "./screens.ts";
import { useText } from "./text.ts";

type BadState = (typeof badStates)[number];
/** What is worth another try; what is not supported, or was cancelled on purpose, is not. */
const worth: ReadonlySet<BadState> = new Set(["failed", "offline", "expired", "unknown"]);

export function RetryWindow(props: {
  notification: Notification;
  counts: Counts;
  isRepeatable: boolean;
  onClose: () => void;
}) {
  const { notification, counts, isRepeatable, onClose } = props;
  const { tenantId, notificationId } = notification;
  const t = useText();
  const go = useGo();
  const states = badStates.filter((state) => counts[state] > 0);
  const only = useHeld(() => states.filter((state) => worth.has(state)));
  const chosen = only.value;
  const mayRepeat = useHeld(false);
  const devices = chosen.reduce((sum, state) => sum + counts[state], 0);
  const asksTwice = !isRepeatable && chosen.includes("unknown");
  return (
    <CallWindow
      asks={false}
      title={t("notifications.retryTitle")}
      verb={t("notifications.sendTo", { devices })}
      no={t("notifications.no")}
      icon={<ArrowRepeatAllRegular />}
      call="POST /api/v1/tenants/{tenantId}/notifications/{notificationId}/retry"
      given={{
        params: { tenantId, notificationId },
        body: { only: chosen, ...(asksTwice && { mayRepeat: mayRepeat.value }) },
      }}
      isReady={devices > 0 && (!asksTwice || mayRepeat.value)}
      onDone={({ body }) =>
        go(notificationScreen.at({ tenantId, notificationId: body.notificationId }))
      }
      onClose={onClose}
    >
      <Words>{t("notifications.retryWhat")}</Words>
      <Ticks
        label={t("notifications.retryWhat")}
        known={states.map((state) => {
          const count = t.number(counts[state]);
          return [state, `${t.named("deliveryStates", state)} (${count})`] as const;
        })}
        {...only}
      />
      {asksTwice && (
        <Note intent="warning">
          {t("notifications.unknownTwice")}
          <CheckField label={t("notifications.mayRepeat")} {...mayRepeat} />
        </Note>
      )}
    </CallWindow>
  );
}
