/** Says where each device would begin again, and asks. Nothing begins before somebody has agreed to what it says. */
import { MessageBar, MessageBarBody, MessageBarTitle, Spinner } from "@fluentui/react-components";
import { useRouter } from "@tanstack/react-router";
import type { Answered, CallInput } from "../../../clients/api.ts";
import { useAsk } from "../../api/ask.ts";
import { useNames } from "../../api/names.ts";
import { useSend } from "../../api/send.ts";
import { ProblemView } from "../../page/problem-view.tsx";
import { AskWindow } from "../../page/window.tsx";
import { runScreen } from "../screens.ts";
import { useText } from "../text.ts";
import type { Run } from "./run-words.tsx";

const restarts = "POST /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/restarts";
/** Which way, and which devices: always named one by one. */
export type Restart = CallInput<typeof restarts>["body"] & {
  readonly deviceIds: readonly string[];
};
type Offer = Extract<Answered<typeof restarts>, { readonly status: 200 }>["body"];

/** The window. */
export function RestartWindow(props: {
  readonly run: Pick<Run, "tenantId" | "runId">;
  readonly restart: Restart;
  readonly title: string;
  readonly onClose: () => void;
}) {
  const { run, restart, title, onClose } = props;
  const { tenantId, runId } = run;
  const t = useText();
  const router = useRouter();
  const params = { tenantId, runId };
  const asked = useAsk(restarts, { params, body: restart });
  const sending = useSend(restarts);
  const { body: offer, problem, isAsking } = asked;
  const begin = async () =>
    offer && sending.send({ params, body: { ...restart, token: offer.token } });
  return (
    <AskWindow
      title={title}
      verb={t("provisioning.restart", { count: offer?.total ?? restart.deviceIds.length })}
      sending={sending}
      isReady={offer !== undefined && !isAsking}
      onDo={begin}
      onDone={(answer) => {
        if (answer.status !== 202) return;
        const to = { tenantId, runId: answer.body.runId };
        void router.navigate(runScreen.at(to) as never);
      }}
      onClose={onClose}
    >
      <div>{t(`provisioning.mode.${restart.mode}`)}</div>
      {offer === undefined && problem === undefined && (
        <Spinner size="tiny" label={t("provisioning.lookingWhere")} />
      )}
      {problem && <ProblemView problem={problem} again={asked.again} />}
      {offer && <WhatItDoes offer={offer} />}
    </AskWindow>
  );
}

/** Devices that are named; of the rest it says how many there are. */
const mostNamed = 20;

function WhatItDoes({ offer }: { readonly offer: Offer }) {
  const t = useText();
  const named = useNames();
  const { starts, mayHaveHappened, template } = offer;
  return (
    <>
      {mayHaveHappened.length > 0 && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t("provisioning.mayHaveHappened")}</MessageBarTitle>
            {mayHaveHappened.map(({ action, devices }) => (
              <div key={action.id}>
                {t("provisioning.doubtful", { action: action.name, count: devices })}
              </div>
            ))}
          </MessageBarBody>
        </MessageBar>
      )}
      {starts.map(({ from, devices, some, inherited }) => (
        <section key={from.id} data-from={from.id} data-devices={devices}>
          <strong>
            {t("provisioning.beginsAt", {
              count: devices,
              action: from.name,
              section: named("sections", from.section),
            })}
          </strong>
          <ul>
            {some.slice(0, mostNamed).map(({ deviceId, deviceName }) => (
              <li key={deviceId}>{deviceName === "" ? deviceId : deviceName}</li>
            ))}
            {devices > mostNamed && (
              <li>{t("provisioning.moreDevices", { count: devices - mostNamed })}</li>
            )}
          </ul>
          {inherited.length > 0 &&
            t("provisioning.inheritedList", {
              actions: inherited.map(({ name }) => name).join(", "),
            })}
        </section>
      ))}
      <div>{t("provisioning.ofVersion", { name: template.name, version: template.version })}</div>
    </>
  );
}
