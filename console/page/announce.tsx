/** The page's one polite live region: what happened without anybody's doing is said there, once. */
import { makeStyles } from "@fluentui/react-components";
import { useSyncExternalStore } from "react";
import { createPortal } from "react-dom";
import { listening } from "../text/kept.ts";

let said = "";
const { subscribe, tell } = listening();

/** Has screen readers say something when they have finished what they are saying. */
export function announce(words: string): void {
  // The same words again are said again: the text has to change for that.
  said = words === said ? `${words}\u00a0` : words;
  tell();
}

/** For who hears and does not see. */
export const unseen = {
  position: "absolute",
  width: "1px",
  height: "1px",
  padding: "0",
  overflow: "hidden",
  clip: "rect(0 0 0 0)",
  whiteSpace: "nowrap",
} as const;

const useUnseen = makeStyles({ root: { ...unseen, margin: "-1px", border: "0" } });

/** A window hides from screen readers all of the page but what says so, and stands in the body itself. */
const neverHidden = { "data-tabster-never-hide": "" };

/** The region; stands once in the page, and speaks while a window is open as well. */
export function LiveRegion() {
  const words = useSyncExternalStore(subscribe, () => said);
  return createPortal(
    <div role="status" aria-live="polite" className={useUnseen().root} {...neverHidden}>
      {words}
    </div>,
    document.body,
  );
}
