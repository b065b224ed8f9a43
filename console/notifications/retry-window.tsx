/** Sends again where it did not arrive, as a new notification that names this one. */
import { Button, Text as Words } from "@fluentui/react-components";
import { ArrowRepeatAllRegular } from "@fluentui/react-icons";
import { useRef, useState } from "react";
import { useNames } from "../api/names.ts";
import { useSend } from "../api/send.ts";
import { Note } from "../page/look/note.tsx";
import { useGo } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { CheckField, useTicked } from "../page/values/fields.tsx";
import { Window } from "../page/window.tsx";
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
  const sending = useSend("POST /api/v1/tenants/{tenantId}/notifications/{notificationId}/retry");
  const isSent = useRef(false);
  const devices = chosen.reduce((sum, state) => sum + counts[state], 0);
  const asksTwice = !isRepeatable && chosen.includes("unknown");
  const send = async () => {
    if (isSent.current) return;
    const answer = await sending.send({
      params: { tenantId, notificationId },
      body: { only: [...chosen], ...(asksTwice && { mayRepeat: mayRepeat.checked }) },
    });
    if (answer === undefined) return;
    isSent.current = true;
    const next = { tenantId, notificationId: answer.body.notificationId };
    go(notificationScreen.at(next));
  };
  return (
    <Window
      title={t("notifications.retryTitle")}
      onClose={onClose}
      actions={
        <>
          <Button
            appearance="primary"
            icon={<ArrowRepeatAllRegular />}
            disabledFocusable={
              devices === 0 || sending.isSending || (asksTwice && !mayRepeat.checked)
            }
            onClick={() => void send()}
          >
            {t("notifications.sendTo", { devices })}
          </Button>
          <Button onClick={onClose}>{t("notifications.no")}</Button>
        </>
      }
    >
      <Words>{t("notifications.retryWhat")}</Words>
      <States counts={counts} states={states} chosen={chosen} onChoose={setChosen} />
      {asksTwice && (
        <Note intent="warning">
          {t("notifications.unknownTwice")}
          <CheckField label={t("notifications.mayRepeat")} {...mayRepeat} />
        </Note>
      )}
      {sending.problem && <ProblemView problem={sending.problem} />}
    </Window>
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
  const change = (state: BadState, isChosen: boolean) =>
    onChoose(states.filter((each) => (each === state ? isChosen : chosen.includes(each))));
  return (
    <div role="group" aria-label={t("notifications.retryWhat")}>
      {states.map((state) => (
        <div key={state}>
          <CheckField
            label={`${named("deliveryStates", state)} (${t.number(counts[state])})`}
            checked={chosen.includes(state)}
            onChange={(isChecked) => change(state, isChecked)}
          />
        </div>
      ))}
    </div>
  );
}
