/** Whether the installation is drained, how much is still under way, and the button that drains it or lets it go on. */
import { MessageBar, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { PauseRegular, PlayRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { MayButton } from "../page/may-button.tsx";
import { Facts, PageFrame } from "../page/page.tsx";
import { Shown } from "../page/page-state.tsx";
import { AskWindow } from "../page/window.tsx";
import { useFormat } from "../text/format.ts";
import { operationsScreen } from "./screens.ts";
import { useText } from "./text.ts";

type Drain = BodyOf<"GET /api/v1/drain">;
/** While it is drained somebody waits for its end. */
const pauseOf = ({ draining, drained }: Drain): number => (draining && !drained ? 3 : 15);

/** The page. */
export function Page() {
  const t = useText();
  const { window } = operationsScreen.useSearch();
  const change = operationsScreen.useChangeSearch();
  const reading = useRead("GET /api/v1/drain", {}, { every: pauseOf });
  const { body } = reading;
  const close = () => change({ window: undefined }, true);
  return (
    <PageFrame
      title={t("overview.operations")}
      lead={t("overview.operationsLead")}
      bar={
        body && (
          <MayButton
            permission="installation.drain"
            icon={body.draining ? <PlayRegular /> : <PauseRegular />}
            onClick={() => change({ window: "drain" })}
          >
            {t(body.draining ? "overview.goOn" : "overview.drain")}
          </MayButton>
        )
      }
    >
      <Shown reading={reading}>{(drain) => <State drain={drain} />}</Shown>
      {window && body && <DrainWindow drain={body} onClose={close} />}
    </PageFrame>
  );
}

function State({ drain }: { readonly drain: Drain }) {
  const t = useText();
  const { dateTime } = useFormat();
  const { draining, drained, since, left, open } = drain;
  const state = drained ? "drained" : draining ? "draining" : "works";
  return (
    <>
      <MessageBar
        intent={draining ? "warning" : "success"}
        layout="multiline"
        data-state={state}
        role="status"
      >
        <MessageBarBody>
          <MessageBarTitle>
            {t(`overview.${state}`, { at: since === undefined ? "" : dateTime(since) })}
          </MessageBarTitle>
          {t(`overview.${state}What`)}
        </MessageBarBody>
      </MessageBar>
      <h2>{t("overview.left")}</h2>
      <Counts of={left} />
      <h2>{t("overview.open")}</h2>
      <Counts of={open} />
    </>
  );
}

function Counts({ of }: { readonly of: Drain["left"] | Drain["open"] }) {
  const t = useText();
  const { number } = useFormat();
  const { syncs, refreshes, ...first } = of;
  return (
    <Facts
      of={{
        ...("calls" in first
          ? { [t("overview.calls")]: number(first.calls) }
          : { [t("overview.jobs")]: number(first.jobs) }),
        [t("overview.syncs")]: number(syncs),
        [t("overview.refreshes")]: number(refreshes),
      }}
    />
  );
}

/** Asks before nothing new leaves for any tenant any more, or before everything goes on. */
function DrainWindow({ drain, onClose }: { readonly drain: Drain; readonly onClose: () => void }) {
  const t = useText();
  const sending = useSend("PUT /api/v1/drain");
  // Whatever is read meanwhile: it does what was asked about.
  const [{ draining, open }] = useState(drain);
  const what = draining ? "goOn" : "drain";
  return (
    <AskWindow
      title={t(`overview.${what}`)}
      verb={t(`overview.${what}Do`)}
      sending={sending}
      onDo={() => sending.send({ body: { draining: !draining } })}
      onClose={onClose}
    >
      {t(`overview.${what}Asks`, open)}
    </AskWindow>
  );
}
