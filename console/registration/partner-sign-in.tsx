/** Signs the partner's account in for Partner Center: a code, where to type it, and how that went. */
import { Body1, Button } from "@fluentui/react-components";
import { useEffect, useState } from "react";
import type { Answered } from "../../clients/api.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { Note } from "../page/look/note.tsx";
import { SignInCode } from "../page/look/sign-in-code.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { useText } from "./text.ts";

const name = "POST /api/v1/partner/sign-in";
type View = Answered<typeof name>["body"];

/** The window; it closes itself when somebody has signed in. */
export function SignInWindow({ onClose }: { onClose: () => void }) {
  const t = useText();
  const [view, setView] = useState<View | undefined>(undefined);
  const { send, problem, isSending } = useSend(name);
  const ask = async (signInId?: string) => {
    const answer = await send({ body: signInId === undefined ? {} : { signInId } });
    // The code is told once; what comes later says how it stands.
    if (answer) setView((before) => (signInId ? { ...before, ...answer.body } : answer.body));
  };
  useEffect(() => {
    if (view?.state === "signedIn") {
      announce(t("registration.account.signedIn", { account: view.account ?? "" }));
      onClose();
    }
    if (view?.state !== "pending") return undefined;
    const { signInId, retryAfterSeconds = 5 } = view;
    const timer = setTimeout(() => void ask(signInId), retryAfterSeconds * 1000);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps -- asks again after each answer, and after nothing else
  }, [view]);
  const { state, userCode = "", verificationUri = "", detail } = view ?? {};
  return (
    <Window
      title={t("registration.signIn")}
      onClose={onClose}
      actions={
        <Button
          appearance={state === undefined ? "primary" : "secondary"}
          disabledFocusable={isSending}
          onClick={() => void ask()}
        >
          {t(state === undefined ? "registration.getCode" : "registration.newCode")}
        </Button>
      }
    >
      <Body1>{t("registration.signInWhat")}</Body1>
      {state === "pending" && (
        <SignInCode label={t("registration.theCode")} code={userCode} address={verificationUri} />
      )}
      {state === "refused" && (
        <Note intent="error" role="alert">
          {t.said(detail)}
        </Note>
      )}
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
