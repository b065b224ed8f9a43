/**
 * A template to be written: as fields, and as the JSON that it is exported as, which may come from a file. What is wrong
 * with it, the API says, every fault with its place.
 */
import { Button } from "@fluentui/react-components";
import { useCallback, useState } from "react";
import { useSend } from "../../api/send.ts";
import { Tabs } from "../../page/look/tabs.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { useGo } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { CheckField, TextField, useHeld } from "../../page/values/fields.tsx";
import { JsonField, readObject } from "../../page/values/json-field.tsx";
import { Window } from "../../page/window.tsx";
import { templateScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { type Draft, isDraft, TemplateForm } from "./template-form.tsx";
import type { OnTwice } from "./variable-fields.tsx";

/** What somebody begins with. */
const blank: Draft = { name: "", description: "", platforms: ["windows"], sections: [] };

const textOf = (draft: Draft): string => JSON.stringify(draft, undefined, 2);

type Existing = { readonly templateId: string; readonly etag: string | undefined };

/** Keeps a template, as the next version of one that exists. */
function useKeeping(existing: Existing | undefined, onClose: () => void) {
  const go = useGo();
  const add = useSend("POST /api/v1/templates");
  const replace = useSend("PUT /api/v1/templates/{templateId}");
  const save = async (body: Draft) => {
    if (existing === undefined) {
      const made = await add.send({ body });
      if (made === undefined) return;
      go(templateScreen.at({ templateId: made.body.templateId }));
      return;
    }
    const { templateId, etag } = existing;
    const saved = await replace.send({
      params: { templateId },
      body,
      ...(etag !== undefined && { ifMatch: etag }),
    });
    if (saved !== undefined) onClose();
  };
  const { problem, isSending, reset } = existing === undefined ? add : replace;
  return { save, problem, isSending, reset };
}

/** The window; `existing` gets what is written as its next version. */
export function TemplateEditor(props: {
  draft?: Draft;
  visibility: "mine" | "public";
  existing?: Existing;
  onClose: () => void;
}) {
  const { onClose } = props;
  // Of the version that was opened: what somebody keeps meanwhile is not written over.
  const [existing] = useState(props.existing);
  const t = useText();
  const [text, setText] = useState(() => textOf(props.draft ?? blank));
  const view = useHeld<"form" | "json">("form");
  const message = useHeld("");
  const isPublic = useHeld(props.visibility === "public");
  const [twice, setTwice] = useState(0);
  const isTwice = twice > 0;
  const onTwice = useCallback<OnTwice>((by) => setTwice((before) => before + by), []);
  const { save, problem, isSending, reset } = useKeeping(existing, onClose);
  const { value } = readObject(text);
  const keep = () =>
    save({
      ...(value as Draft),
      message: message.value,
      visibility: isPublic.value ? "public" : "mine",
    });
  return (
    <Window
      wide
      title={t(existing === undefined ? "provisioning.newTemplate" : "provisioning.edit")}
      onClose={onClose}
      actions={
        <>
          <MayButton
            appearance="primary"
            why={isTwice ? t("provisioning.variableTwice") : undefined}
            isBusy={value === undefined || isSending}
            onClick={() => void keep()}
          >
            {t("provisioning.save")}
          </MayButton>
          <Button onClick={onClose}>{t("shared.cancel")}</Button>
        </>
      }
    >
      <Tabs
        {...view}
        values={[
          ["form", t("provisioning.asForm")],
          // It would show the first of two variables with one name, and the second would be gone.
          ["json", t("provisioning.asJson"), isTwice],
        ]}
      />
      {view.value === "json" ? (
        <JsonField label={t("provisioning.content")} value={text} onChange={setText} />
      ) : isDraft(value) ? (
        <TemplateForm
          draft={value}
          problem={problem}
          onTwice={onTwice}
          onChange={(draft, isMoved = false) => {
            setText(textOf(draft));
            if (isMoved) reset();
          }}
        />
      ) : (
        <p>{t("provisioning.noForm")}</p>
      )}
      <TextField label={t("provisioning.message")} {...message} maxLength={200} />
      <CheckField label={t("provisioning.makePublic")} {...isPublic} />
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
