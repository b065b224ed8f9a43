/** Help, at the same place on every page, and the keys of the page. */
import { Button } from "@fluentui/react-components";
import { QuestionCircleRegular } from "@fluentui/react-icons";
import { lazy, Suspense, useEffect, useState } from "react";
import type { Screen } from "../page/screen.ts";
import { useSharedText } from "../text/text.ts";
import { isKeyOn } from "./keys.ts";

const HelpWindow = lazy(() =>
  import("./help-window.tsx").then((loaded) => ({ default: loaded.HelpWindow })),
);

/** Where typed characters are text, they are no shortcuts. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The page's search, or else the choice of a tenant. */
const searchField = (): HTMLElement | null =>
  document.querySelector("main input[type=search]") ?? document.querySelector("header input");

/** `/` goes to the search, `?` shows help. */
function useKeys(onHelp: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const isOther = event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented;
      if (
        isOther ||
        !isKeyOn() ||
        isTyping(event.target) ||
        document.querySelector("[role=dialog]")
      )
        return;
      if (event.key !== "?" && event.key !== "/") return;
      event.preventDefault();
      if (event.key === "?") onHelp();
      else searchField()?.focus();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [onHelp]);
}

/** The button, the window, and the keys. */
export function Help(props: { screens: readonly Screen[]; className: string }) {
  const t = useSharedText();
  const [isOpen, setOpen] = useState(false);
  const [open] = useState(() => () => setOpen(true));
  useKeys(open);
  return (
    <>
      <Button
        appearance="transparent"
        className={props.className}
        icon={<QuestionCircleRegular />}
        aria-label={t("frame.help")}
        onClick={open}
      />
      {isOpen && (
        <Suspense>
          <HelpWindow screens={props.screens} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
