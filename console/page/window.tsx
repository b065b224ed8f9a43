/** A window over the page: named by its title, closed with Escape, and the focus goes back to what opened it. */
import {
  Button,
  type ButtonProps,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useLayoutEffect, useRef } from "react";
import type { Sending } from "../api/send.ts";
import { useSharedText } from "../text/text.ts";
import { announce } from "./announce.tsx";
import { ProblemView } from "./problem-view.tsx";

const useStyles = makeStyles({
  surface: { maxWidth: "min(720px, calc(100vw - 16px))", width: "100%" },
  wide: { maxWidth: "min(1040px, calc(100vw - 16px))", width: "100%" },
  content: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalM,
    // What is too much for the window scrolls, and is not squeezed.
    "& > *": { flexShrink: 0 },
  },
  actions: { flexWrap: "wrap", justifyContent: "flex-end" },
});

/** Gives the focus back to what had it when this was shown, where that is still there. */
function useGivesFocusBack(): void {
  const opener = useRef<Element | null>(document.activeElement);
  useLayoutEffect(() => {
    const had = opener.current;
    return () => {
      // After whoever else moves the focus on closing.
      setTimeout(() => {
        if (had instanceof HTMLElement && had.isConnected) had.focus();
        else document.querySelector<HTMLElement>("h1")?.focus();
      });
    };
  }, []);
}

/** A window; it is shown as long as it is rendered. `actions` stand at its end, what it is for first. */
export function Window(props: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  actions?: ReactNode;
  /** Asks before something is lost: it is not closed by a click beside it. */
  asks?: boolean;
  wide?: boolean;
}) {
  const { title, onClose, children, actions, asks = false, wide = false } = props;
  const t = useSharedText();
  const styles = useStyles();
  useGivesFocusBack();
  return (
    <Dialog
      open
      modalType={asks ? "alert" : "modal"}
      onOpenChange={(_event, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface className={wide ? styles.wide : styles.surface}>
        <DialogBody>
          <DialogTitle
            action={
              <Button
                appearance="subtle"
                aria-label={t("shared.close")}
                icon={<DismissRegular />}
                onClick={onClose}
              />
            }
          >
            {title}
          </DialogTitle>
          <DialogContent className={styles.content}>{children}</DialogContent>
          {actions && <DialogActions className={styles.actions}>{actions}</DialogActions>}
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

/** Asks once more before something is done; it closes when that is done, and says what stood in the way. */
export function AskWindow<Given>(props: {
  title: string;
  /** What the button says that does it. */
  verb: string;
  /** What the other one says; "Cancel" where nothing is said. */
  no?: string;
  sending: Pick<Sending<never>, "isSending" | "problem">;
  /** Does it; answers undefined where it came to nothing. */
  onDo: () => Promise<Given | undefined>;
  /** What is announced then, of what came of it. */
  said?: (given: Given) => string;
  /** It is done; without it the window closes. */
  onDone?: (given: Given) => void;
  onClose: () => void;
  /** False: something is missing yet. */
  isReady?: boolean;
  wide?: boolean;
  /** What a fault's pointer is called here. */
  placeOf?: (pointer: string) => string;
  /** False: it is a form, and may be closed by a click beside it. */
  asks?: boolean;
  /** Pictures what it does. */
  icon?: ButtonProps["icon"];
  children?: ReactNode;
}) {
  const {
    verb,
    no,
    icon,
    asks = true,
    sending,
    onDo,
    said,
    onDone,
    onClose,
    isReady = true,
    placeOf,
    children,
    ...rest
  } = props;
  const t = useSharedText();
  const act = async () => {
    const given = await onDo();
    if (given === undefined) return;
    if (said) announce(said(given));
    (onDone ?? onClose)(given);
  };
  return (
    <Window
      {...rest}
      onClose={onClose}
      asks={asks}
      actions={
        <>
          <Button
            appearance="primary"
            {...(icon && { icon })}
            disabledFocusable={!isReady || sending.isSending}
            onClick={() => void act()}
          >
            {verb}
          </Button>
          <Button onClick={onClose}>{no ?? t("shared.cancel")}</Button>
        </>
      }
    >
      {children}
      {sending.problem && <ProblemView problem={sending.problem} placeOf={placeOf} />}
    </Window>
  );
}
