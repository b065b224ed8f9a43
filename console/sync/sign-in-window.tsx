/**
 * A sync that waits for somebody to sign in: the code, where to type it, and the time that is left, announced. It closes
 * itself when the sync goes on, and says when it was cancelled.
 */
import { Body1, Button, ProgressBar } from "@fluentui/react-components";
import { useEffect, useRef, useState } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { Line } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { SignInCode } from "../page/look/sign-in-code.tsx";
import { Shown } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { AdministratorsAddress, useAdministratorsAddress } from "./administrators-address.tsx";
import { type SyncIds, useText } from "./text.ts";

type Waiting = BodyOf<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}/authentication">;

const waitSeconds = 180;
/** Seconds left at which it is said aloud. */
const saidAt = [60, 30, 10];

/** The time that is left until an instant, in seconds; never below none. */
function useLeft(until: string): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.ceil((Date.parse(until) - now) / 1000));
}

function TimeLeft({ until }: { until: string }) {
  const t = useText();
  const left = useLeft(until);
  const said = useRef(new Set<number>());
  useEffect(() => {
    const due = saidAt.find((seconds) => left <= seconds && left > seconds - 5);
    if (due === undefined || said.current.has(due)) return;
    said.current.add(due);
    announce(t("sync.secondsLeft", { seconds: due }));
  }, [left, t]);
  return (
    <div>
      <Body1 data-countdown>{t("sync.timeLeft", { time: t.clock(left) })}</Body1>
      <ProgressBar
        value={left / waitSeconds}
        color={left <= 30 ? "warning" : "brand"}
        aria-label={t("sync.timeLabel")}
      />
    </div>
  );
}

/** The code, or the button that begins one. */
function Code({ ids, waiting }: { ids: SyncIds; waiting: Waiting }) {
  const t = useText();
  const may = useMay()("sync.run", ids.tenantId);
  const begin = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/new-code");
  const browser = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/browser");
  const consent = useAdministratorsAddress(ids);
  const { code, words, lacksConsent } = waiting;
  const byBrowser = async () => {
    const answer = await browser.send({ params: ids });
    if (answer !== undefined) window.open(answer.body.url, "_blank", "noopener");
  };
  const problem = begin.problem ?? browser.problem ?? consent.problem;
  return (
    <>
      {code !== undefined && (
        <>
          <Body1>{t("sync.typeCode")}</Body1>
          <SignInCode
            label={t("sync.theCode")}
            code={code.userCode}
            address={code.verificationUri}
            copy={t("sync.copyCode")}
          />
        </>
      )}
      {words !== undefined && <Note intent="warning">{t.said(words)}</Note>}
      {may && (
        <Line>
          <Button
            appearance={code === undefined ? "primary" : "secondary"}
            onClick={() => void begin.send({ params: ids })}
          >
            {t(code === undefined ? "sync.getCode" : "sync.newCode")}
          </Button>
          <Button onClick={() => void byBrowser()}>{t("sync.byBrowser")}</Button>
          {lacksConsent === true && <Button onClick={consent.ask}>{t("sync.getAddress")}</Button>}
        </Line>
      )}
      {lacksConsent === true && consent.address && (
        <AdministratorsAddress address={consent.address} />
      )}
      {problem && <ProblemView problem={problem} />}
    </>
  );
}

/** What had the focus is gone when the time is over, and the window has to be left by the keyboard as well. */
const focusOn = (button: HTMLElement | null): void => button?.focus();

export function SignInWindow(props: {
  ids: SyncIds;
  title: string;
  isWaiting: boolean;
  onClose: () => void;
}) {
  const { ids, title, isWaiting, onClose } = props;
  const t = useText();
  const may = useMay()("sync.run", ids.tenantId);
  const sync = useRead(
    "GET /api/v1/tenants/{tenantId}/syncs/{syncId}",
    { params: ids },
    { atMostSeconds: 2 },
  );
  const waits = sync.body === undefined ? isWaiting : sync.body.waitsFor === "user";
  const waiting = useRead(
    "GET /api/v1/tenants/{tenantId}/syncs/{syncId}/authentication",
    { params: ids },
    { enabled: waits },
  );
  // Right after the sync was seen to wait: once it goes on, nothing is to be had here.
  const { again } = waiting;
  const { asOf } = sync;
  useEffect(() => {
    if (waits && asOf !== 0) again();
    // oxlint-disable-next-line react/exhaustive-deps -- at each reading of the sync, and at nothing else
  }, [waits, asOf]);
  const goOn = useSend(
    "POST /api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/continue-without-user",
  );
  const cancel = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/cancel");
  const start = useSend("POST /api/v1/tenants/{tenantId}/syncs");
  const outcome = sync.body?.outcome;
  const isOver = outcome === "expired" || outcome === "cancelled";
  const goesOn = sync.body !== undefined && !waits && !isOver;
  const status = t.named("syncStatuses", "inProgress");
  useEffect(() => {
    if (!goesOn) return;
    announce(t("sync.goesOn", { status }));
    onClose();
  }, [goesOn, status, t, onClose]);
  const problem = goOn.problem ?? cancel.problem ?? start.problem;
  const startAgain = async () => {
    if ((await start.send({ params: { tenantId: ids.tenantId }, body: {} })) !== undefined)
      onClose();
  };
  const actions =
    may &&
    (isOver ? (
      <Button ref={focusOn} appearance="primary" onClick={() => void startAgain()}>
        {t("sync.syncNow")}
      </Button>
    ) : (
      <>
        <Button onClick={() => void goOn.send({ params: ids })}>{t("sync.withoutUser")}</Button>
        <Button onClick={() => void cancel.send({ params: ids })}>{t("sync.cancelSync")}</Button>
      </>
    ));
  return (
    <Window title={title} onClose={onClose} actions={actions}>
      {isOver ? (
        <Note intent="warning" role="alert">
          {t("sync.expired")}
        </Note>
      ) : (
        <>
          <Body1>{t("sync.authenticationWhy")}</Body1>
          <Shown reading={waiting}>
            {(body) => (
              <>
                <TimeLeft until={body.waitsUntil} />
                <Code ids={ids} waiting={body} />
              </>
            )}
          </Shown>
        </>
      )}
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
