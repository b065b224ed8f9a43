/** Whether the installation is drained, how much is still under way, and the button that drains it or lets it go on. */
import { PauseRegular, PlayRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { CallWindow } from "../../page/job/call.tsx";
import { Note } from "../../page/look/note.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Facts, PageFrame, Shown } from "../../page/page.tsx";
import { useText } from "../text.ts";

type Drain = BodyOf<"GET /api/v1/drain">;
/** While it is drained somebody waits for its end. */
const pauseOf = ({ draining, drained }: Drain): number => (draining && !drained ? 3 : 15);

export function Page() {
  const t = useText();
  const [isAsking, setAsking] = useState(false);
  const reading = useRead("GET /api/v1/drain", {}, { every: pauseOf });
  const { body } = reading;
  return (
    <PageFrame
      title={t("access.drain.operations")}
      lead={t("access.drain.operationsLead")}
      bar={
        body && (
          <MayButton
            permission="installation.drain"
            icon={body.draining ? <PlayRegular /> : <PauseRegular />}
            onClick={() => setAsking(true)}
          >
            {t(body.draining ? "access.drain.goOn" : "access.drain.drain")}
          </MayButton>
        )
      }
    >
      <Shown reading={reading}>{(drain) => <State drain={drain} />}</Shown>
      {isAsking && body && <DrainWindow drain={body} onClose={() => setAsking(false)} />}
    </PageFrame>
  );
}

function State({ drain }: { drain: Drain }) {
  const t = useText();
  const { draining, drained, since, left, open } = drain;
  const state = drained ? "drained" : draining ? "draining" : "works";
  return (
    <>
      <Note
        intent={draining ? "warning" : "success"}
        data-state={state}
        role="status"
        title={t(`access.drain.${state}`, { at: since === undefined ? "" : t.dateTime(since) })}
      >
        {t(`access.drain.${state}What`)}
      </Note>
      <h2>{t("access.drain.left")}</h2>
      <Counts of={left} />
      <h2>{t("access.drain.open")}</h2>
      <Counts of={open} />
    </>
  );
}

function Counts({ of }: { of: Drain["left"] | Drain["open"] }) {
  const t = useText();
  const { syncs, refreshes, ...first } = of;
  return (
    <Facts
      of={{
        ...("calls" in first
          ? { [t("access.drain.calls")]: t.number(first.calls) }
          : { [t("access.drain.jobs")]: t.number(first.jobs) }),
        [t("access.drain.syncs")]: t.number(syncs),
        [t("access.drain.refreshes")]: t.number(refreshes),
      }}
    />
  );
}

/** Asks before nothing new leaves for any tenant any more, or before everything goes on. */
function DrainWindow({ drain, onClose }: { drain: Drain; onClose: () => void }) {
  const t = useText();
  // Whatever is read meanwhile: it does what was asked about.
  const [{ draining, open }] = useState(drain);
  const what = draining ? "goOn" : "drain";
  return (
    <CallWindow
      title={t(`access.drain.${what}`)}
      verb={t(`access.drain.${what}Do`)}
      call="PUT /api/v1/drain"
      given={{ body: { draining: !draining } }}
      onClose={onClose}
    >
      {t(`access.drain.${what}Asks`, open)}
    </CallWindow>
  );
}
