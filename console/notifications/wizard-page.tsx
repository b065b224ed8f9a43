/** The first page of the three wizards: what it does, and what it has to be told. */
import {
  Button,
  DrawerBody,
  DrawerFooter,
  Field,
  makeStyles,
  Textarea,
  tokens,
  Text as Words,
} from "@fluentui/react-components";
import type { ReactNode } from "react";
import { TextField } from "../page/values/fields.tsx";
import type { Action } from "./action-bar.tsx";
import { useText } from "./text.ts";

/** What an action is told, by name. */
export type Parameters = Readonly<Record<string, string>>;

const useStyles = makeStyles({
  body: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalL },
});

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

type Props = {
  action: Action;
  draft: Parameters;
  onDraft: (draft: Parameters) => void;
  onNext: () => void;
};

export function WizardPage(props: Props) {
  const { action, draft, onNext } = props;
  const t = useText();
  const needed = action.parameters;
  const isScript = needed === "script";
  const given = Object.values(draft).filter((value) => value !== "");
  const isReady =
    needed === undefined ||
    (given.length > 0 && (!isScript || given.every((value) => guid.test(value))));
  const fields: Readonly<Record<"script" | "query", ReactNode>> = {
    script: <ScriptFields {...props} />,
    query: <QueryField {...props} />,
  };
  return (
    <form
      style={{ display: "contents" }}
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) onNext();
      }}
    >
      <DrawerBody className={useStyles().body}>
        <Words>{t("notifications.step", { step: 1, steps: 2 })}</Words>
        <Words>{lead(action, t)}</Words>
        {needed && fields[needed]}
      </DrawerBody>
      <DrawerFooter>
        <Button appearance="primary" type="submit" disabledFocusable={!isReady}>
          {t("notifications.next")}
        </Button>
      </DrawerFooter>
    </form>
  );
}

/** What the page says that it does. */
const lead = ({ parameters }: Action, t: ReturnType<typeof useText>): string => {
  if (parameters === "script") return t("notifications.wizard.runScriptWhat");
  if (parameters === "query") return t("notifications.wizard.startCMPivotWhat");
  return t("notifications.wizard.installClientWhat");
};

/** A draft without what is empty. */
const changed = (draft: Parameters, name: string, value: string): Parameters => {
  const { [name]: _before, ...others } = draft;
  return value.trim() === "" ? others : { ...others, [name]: value.trim() };
};

function ScriptFields({ draft, onDraft }: Props) {
  const t = useText();
  const names = ["remediationScriptId", "configMgrScriptId"] as const;
  return names.map((name) => {
    const value = draft[name] ?? "";
    const isWrong = value !== "" && !guid.test(value);
    return (
      <TextField
        key={name}
        label={t(`notifications.${name}`)}
        hint={t(`notifications.${name}Hint`)}
        fault={isWrong ? t("notifications.notGuid") : undefined}
        value={value}
        onChange={(text) => onDraft(changed(draft, name, text))}
      />
    );
  });
}

function QueryField({ draft, onDraft }: Props) {
  const t = useText();
  return (
    <Field label={t("notifications.query")} hint={t("notifications.queryHint")}>
      <Textarea
        rows={6}
        maxLength={8000}
        spellCheck={false}
        defaultValue={draft["query"] ?? ""}
        onChange={(_event, { value }) => onDraft(changed(draft, "query", value))}
      />
    </Field>
  );
}
