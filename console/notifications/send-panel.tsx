/**
 * Sends an action: at the page's side, with what would happen before anything does. Three of the actions are short
 * wizards. The address holds which action it is, so that going back closes it; whom it is for is the page's business.
 */
import {
  Button,
  DrawerBody,
  DrawerFooter,
  DrawerHeader,
  DrawerHeaderTitle,
  makeStyles,
  OverlayDrawer,
  tokens,
  Text as Words,
} from "@fluentui/react-components";
import { DismissRegular, SendRegular } from "@fluentui/react-icons";
import { type ReactNode, useRef, useState } from "react";
import type { CallInput } from "../../clients/api.ts";
import { useAsk } from "../api/ask.ts";
import { useSend } from "../api/send.ts";
import { Note } from "../page/look/note.tsx";
import { useGo } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { CheckField, TextField, useHeld } from "../page/values/fields.tsx";
import { type Action, ActionList, useActions, useWhyNot } from "./action-bar.tsx";
import { DryRun, type WouldBe } from "./dry-run.tsx";
import { notificationScreen } from "./screens.ts";
import { useText } from "./text.ts";
import { type Parameters, WizardPage } from "./wizard-page.tsx";

const name = "POST /api/v1/tenants/{tenantId}/notifications";
type Body = Extract<CallInput<typeof name>, { readonly body: unknown }>["body"];

/** Whom it is for: as the API takes it, and in words. */
export type SendTarget = { readonly target: Body["target"]; readonly words: string };

const useStyles = makeStyles({
  drawer: { width: "min(560px, 100vw)", maxWidth: "100vw" },
  body: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalL },
  footer: { flexWrap: "wrap" },
});

type Props = {
  tenantId: string;
  /** An action's id; anything else shows all of them. */
  send: string;
  to: SendTarget | undefined;
  onChange: (send: string | undefined) => void;
};

export function SendPanel(props: Props) {
  const { tenantId, send, to, onChange } = props;
  const t = useText();
  const { body } = useActions();
  const styles = useStyles();
  // Whoever opened it gets the focus back.
  const [opener] = useState(() => document.activeElement);
  const action = body?.value.find(({ id }) => id === send);
  const close = () => {
    onChange(undefined);
    setTimeout(() => {
      const back = opener instanceof HTMLElement && opener.isConnected && opener !== document.body;
      (back ? opener : document.querySelector<HTMLElement>("main h1"))?.focus();
    });
  };
  if (body === undefined) return null;
  return (
    <OverlayDrawer
      open
      position="end"
      className={styles.drawer}
      onOpenChange={(_event, { open }) => !open && close()}
    >
      <DrawerHeader>
        <DrawerHeaderTitle
          action={
            <Button
              appearance="subtle"
              aria-label={t("shared.close")}
              icon={<DismissRegular />}
              onClick={close}
            />
          }
        >
          {action === undefined
            ? t("notifications.sendTitle")
            : (wizardTitles[action.id]?.(t) ?? t.name(action.name))}
        </DrawerHeaderTitle>
      </DrawerHeader>
      {action === undefined ? (
        <DrawerBody>
          <ActionList tenantId={tenantId} onSend={onChange} isEmpty={to === undefined} />
        </DrawerBody>
      ) : (
        <Steps key={action.id} {...props} action={action} />
      )}
    </OverlayDrawer>
  );
}

/** What the page calls the three that are more than a click. */
const wizardTitles: Readonly<Record<string, (t: ReturnType<typeof useText>) => string>> = {
  installClient: (t) => t("notifications.wizard.installClient"),
  runScript: (t) => t("notifications.wizard.runScript"),
  startCMPivot: (t) => t("notifications.wizard.startCMPivot"),
};

/** A wizard's first page, and the page that all have: what would happen, and the button that does it. */
function Steps(props: Props & { action: Action }) {
  const { tenantId, action, to } = props;
  const t = useText();
  const isWizard = action.id in wizardTitles;
  const [parameters, setParameters] = useState<Parameters | undefined>(isWizard ? undefined : {});
  const [draft, setDraft] = useState<Parameters>({});
  const why = useWhyNot(tenantId)(action);
  const styles = useStyles();
  if (to === undefined || why !== undefined)
    return (
      <DrawerBody className={styles.body}>
        <Note intent="warning">{why ?? t("notifications.chooseFirst")}</Note>
      </DrawerBody>
    );
  if (parameters === undefined)
    return (
      <WizardPage
        action={action}
        draft={draft}
        onDraft={setDraft}
        onNext={() => setParameters(draft)}
      />
    );
  return (
    <Confirm
      {...props}
      to={to}
      parameters={parameters}
      onBack={isWizard ? () => setParameters(undefined) : undefined}
    />
  );
}

type ConfirmProps = Props & {
  action: Action;
  to: SendTarget;
  parameters: Parameters;
  onBack: (() => void) | undefined;
};

function Confirm(props: ConfirmProps) {
  const { tenantId, action, to, parameters, onBack } = props;
  const t = useText();
  const styles = useStyles();
  const go = useGo();
  const [allowApproximate, setApproximate] = useState(false);
  const note = useHeld("");
  const body = {
    action: action.id,
    target: to.target,
    allowApproximate,
    ...(Object.keys(parameters).length > 0 && { parameters }),
  };
  const would = useAsk(name, {
    params: { tenantId },
    query: { dryRun: "true" },
    body,
  });
  const sending = useSend(name);
  // A second click while the page changes is the same intention.
  const isSent = useRef(false);
  const send = async () => {
    if (isSent.current) return;
    const words = note.value.trim();
    const answer = await sending.send({
      params: { tenantId },
      body: { ...body, ...(words !== "" && { note: words }) },
    });
    if (answer?.status !== 202) return;
    isSent.current = true;
    const { notificationId } = answer.body;
    go(notificationScreen.at({ tenantId, notificationId }));
  };
  const reached = would.body && would.body.byRoute.reduce((sum, { devices }) => sum + devices, 0);
  return (
    <>
      <DrawerBody className={styles.body}>
        {onBack && <Words>{t("notifications.step", { step: 2, steps: 2 })}</Words>}
        <Words weight="semibold">{to.words}</Words>
        {!action.repeatable && <Note intent="warning">{t("notifications.notRepeatable")}</Note>}
        <DryRun would={would} />
        <Approximate would={would.body} isAllowed={allowApproximate} onAllow={setApproximate} />
        <TextField label={t("notifications.note")} {...note} maxLength={1000} isLong />
        {sending.problem && <ProblemView problem={sending.problem} />}
      </DrawerBody>
      <DrawerFooter className={styles.footer}>
        <Button
          appearance="primary"
          icon={<SendRegular />}
          disabledFocusable={reached === undefined || reached === 0 || sending.isSending}
          onClick={() => void send()}
        >
          {reached === undefined
            ? t("notifications.counting")
            : t("notifications.sendTo", { devices: reached })}
        </Button>
        {onBack && <Button onClick={onBack}>{t("notifications.back")}</Button>}
        <Button appearance="subtle" onClick={() => props.onChange("choose")}>
          {t("notifications.otherAction")}
        </Button>
      </DrawerFooter>
    </>
  );
}

/** Where only an approximate way exists, somebody has to want it. */
function Approximate(props: {
  would: WouldBe | undefined;
  isAllowed: boolean;
  onAllow: (isAllowed: boolean) => void;
}): ReactNode {
  const { would, isAllowed, onAllow } = props;
  const t = useText();
  const left = would?.notSupported.find(({ code }) => code === "approximate-not-allowed");
  if (left === undefined && !isAllowed) return null;
  return (
    <CheckField
      value={isAllowed}
      label={
        left === undefined
          ? t("notifications.approximateOn")
          : t("notifications.approximate", { devices: left.devices })
      }
      onChange={onAllow}
    />
  );
}
