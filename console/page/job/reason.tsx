/** Why a job failed, and why something of it is as it is: the name of the reason, and what was said where that is more. */
import { useNames, useSaid } from "../../api/names.ts";
import { Note } from "../look/note.tsx";
import { Quiet } from "./listed.tsx";

type Said = { readonly code?: string | undefined; readonly detail?: string | undefined };

/** The reason of one of many. */
export function Reason({ code, detail = "" }: Said) {
  const named = useNames();
  const said = useSaid();
  const reason = code === undefined ? "" : named("reasons", code);
  const words = said(detail);
  const isMore = words.toLowerCase() !== reason.toLowerCase();
  return (
    <>
      {reason}
      {isMore && <Quiet>{words}</Quiet>}
    </>
  );
}

/** Why all of it failed; nothing where it did not. */
export function Failure({ of }: { readonly of: Said | undefined }) {
  const named = useNames();
  const said = useSaid();
  if (of === undefined) return null;
  return (
    <Note intent="error" title={named("reasons", of.code ?? "")}>
      {said(of.detail ?? "")}
    </Note>
  );
}

/** What the API has put in words. */
export const Said = ({ text = "" }: { readonly text?: string | undefined }) => useSaid()(text);
