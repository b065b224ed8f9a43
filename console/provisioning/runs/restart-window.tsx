/** Says where each device would begin again, and asks. Nothing begins before somebody has agreed to what it says. */
import { Spinner } from "@fluentui/react-components";
import { useState } from "react";
import type { BodyOf, CallInput } from "../../../clients/api.ts";
import { useAsk, useSettled } from "../../api/ask.ts";
import { useSend } from "../../api/send.ts";
import { Note } from "../../page/look/note.tsx";
import { useGo } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { TextField } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { runScreen } from "../screens.ts";
import { useText } from "../text.ts";
import type { Run } from "./run-words.tsx";

const restarts = "POST /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/restarts";
/** Which way, and which devices: always named one by one. */
export type Restart = CallInput<typeof restarts>["body"] & {
  readonly deviceIds: readonly string[];
};
type Undone = { readonly id: string; readonly name: string };
type Offer = BodyOf<typeof restarts>;

export function RestartWindow(props: {
  run: Pick<Run, "tenantId" | "runId">;
  restart: Restart;
  title: string;
  /** Required actions before the one to begin at that are not done: a reason for each, or nothing begins. */
  undone?: readonly Undone[];
  onClose: () => void;
}) {
  const { run, restart, title, undone = [], onClose } = props;
  const { tenantId, runId } = run;
  const t = useText();
  const go = useGo();
  const params = { tenantId, runId };
  const [reasons, setReasons] = useState<Readonly<Record<string, string>>>({});
  const said = useSettled(reasons);
  const waive = undone.flatMap(({ id: actionId }) => {
    const reason = said[actionId]?.trim() ?? "";
    return reason === "" ? [] : [{ actionId, reason }];
  });
  const body = { ...restart, waive };
  const isSaid = waive.length === undone.length;
  const asked = useAsk(restarts, isSaid ? { params, body } : undefined);
  const sending = useSend(restarts);
  const { body: offer, problem, isAsking } = asked;
  const begin = async () =>
    offer && sending.send({ params, body: { ...body, token: offer.token } });
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
        go(runScreen.at(to));
      }}
      onClose={onClose}
    >
      <div>{t(`provisioning.mode.${restart.mode}`)}</div>
      {undone.length > 0 && <div>{t("provisioning.waive", { count: undone.length })}</div>}
      {undone.map(({ id, name }) => (
        <TextField
          key={id}
          label={t("provisioning.waiveReason", { action: name })}
          required
          value={reasons[id] ?? ""}
          maxLength={500}
          onChange={(value) => setReasons({ ...reasons, [id]: value })}
        />
      ))}
      {isSaid && offer === undefined && problem === undefined && (
        <Spinner size="tiny" label={t("provisioning.lookingWhere")} />
      )}
      {problem && <ProblemView problem={problem} again={asked.again} />}
      {offer && <WhatItDoes offer={offer} />}
    </AskWindow>
  );
}

/** Devices that are named; of the rest it says how many there are. */
const mostNamed = 20;

function WhatItDoes({ offer }: { offer: Offer }) {
  const t = useText();
  const { starts, mayHaveHappened, template } = offer;
  return (
    <>
      {mayHaveHappened.length > 0 && (
        <Note intent="warning" title={t("provisioning.mayHaveHappened")}>
          {mayHaveHappened.map(({ action, devices }) => (
            <div key={action.id}>
              {t("provisioning.doubtful", { action: action.name, count: devices })}
            </div>
          ))}
        </Note>
      )}
      {starts.map(({ from, devices, some, inherited }) => (
        <section key={from.id} data-from={from.id} data-devices={devices}>
          <strong>
            {t("provisioning.beginsAt", {
              count: devices,
              action: from.name,
              section: t.named("sections", from.section),
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
