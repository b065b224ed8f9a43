/** Sends again where it did not arrive, as a new notification that names this one. */
import { Text as Words } from "@fluentui/react-components";
import { ArrowRepeatAllRegular } from "@fluentui/react-icons";
import { useState } from "react";
import { useNames } from "../api/names.ts";
import { Ticks } from "../page/filters.tsx";
import { CallWindow } from "../page/job/call-window.tsx";
import { Note } from "../page/look/note.tsx";
import { useGo } from "../page/page.tsx";
import { CheckField, useTicked } from "../page/values/fields.tsx";
import { badStates, type Counts, type Notification } from "./counts.tsx";
import { notificationScreen } from "./screens.ts";
import { useText } from "./text.ts";

type BadState = (typeof badStates)[number];
/** What is worth another try; what is not supported, or was cancelled on purpose, is not. */
const worth: ReadonlySet<BadState> = new Set(["failed", "offline", "expired", "unknown"]);

/** The window. */
export function RetryWindow(props: {
  readonly notification: Notification;
  readonly counts: Counts;
  readonly isRepeatable: boolean;
  readonly onClose: () => void;
}) {
  const { notification, counts, isRepeatable, onClose } = props;
  const { tenantId, notificationId } = notification;
  const t = useText();
  const go = useGo();
  const states = badStates.filter((state) => counts[state] > 0);
  const [chosen, setChosen] = useState<readonly BadState[]>(
    states.filter((state) => worth.has(state)),
  );
  const mayRepeat = useTicked();
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
        body: { only: [...chosen], ...(asksTwice && { mayRepeat: mayRepeat.checked }) },
      }}
      isReady={devices > 0 && (!asksTwice || mayRepeat.checked)}
      onDone={({ body }) =>
        go(notificationScreen.at({ tenantId, notificationId: body.notificationId }))
      }
      onClose={onClose}
    >
      <Words>{t("notifications.retryWhat")}</Words>
      <States counts={counts} states={states} chosen={chosen} onChoose={setChosen} />
      {asksTwice && (
        <Note intent="warning">
          {t("notifications.unknownTwice")}
          <CheckField label={t("notifications.mayRepeat")} {...mayRepeat} />
        </Note>
      )}
    </CallWindow>
  );
}

/** Which states get it again. */
function States(props: {
  readonly counts: Counts;
  readonly states: readonly BadState[];
  readonly chosen: readonly BadState[];
  readonly onChoose: (chosen: readonly BadState[]) => void;
}) {
  const { counts, states, chosen, onChoose } = props;
  const t = useText();
  const named = useNames();
  return (
    <Ticks
      label={t("notifications.retryWhat")}
      known={states.map((state) => [
        state,
        `${named("deliveryStates", state)} (${t.number(counts[state])})`,
      ])}
      chosen={chosen}
      onChange={(some) => onChoose(states.filter((each) => some.includes(each)))}
    />
  );
}
