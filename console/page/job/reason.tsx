/** Why a job failed, and why something of it is as it is: the name of the reason, and what was said where that is more. */
import { useSharedText } from "../../text/text.ts";
import { Note } from "../look/note.tsx";
import { Quiet } from "./listed.tsx";

type Said = { readonly code?: string | undefined; readonly detail?: string | undefined };

/** The reason of one of many. */
export function Reason({ code, detail = "" }: Said) {
  const t = useSharedText();
  const reason = code === undefined ? "" : t.named("reasons", code);
  const words = t.said(detail);
  const isMore = words.toLowerCase() !== reason.toLowerCase();
  return (
    <>
      {reason}
      {isMore && <Quiet>{words}</Quiet>}
    </>
  );
}

/** Why all of it failed; nothing where it did not. */
export function Failure({ of }: { of: Said | undefined }) {
  const t = useSharedText();
  if (of === undefined) return null;
  return (
    <Note intent="error" title={t.named("reasons", of.code ?? "")}>
      {t.said(of.detail)}
    </Note>
  );
}
