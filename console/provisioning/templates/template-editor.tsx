/**
 * A template as it is exported, to be written or brought from a file. What is wrong with it, the API says, every fault with
 * its place.
 */
import { Button, Checkbox, Field, Input } from "@fluentui/react-components";
import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import type { CallInput } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { ProblemView } from "../../page/problem-view.tsx";
import { JsonField, readObject } from "../../page/values/json-field.tsx";
import { Window } from "../../page/window.tsx";
import { useFormat } from "../../text/format.ts";
import { templateScreen } from "../screens.ts";
import { useText } from "../text.ts";

type Body = CallInput<"POST /api/v1/templates">["body"];

/** What somebody begins with: two of the five sections, and an action in each. */
export const exampleOf = (): string =>
  JSON.stringify(
    {
      name: "",
      description: "",
      platforms: ["windows"],
      variables: {},
      sections: [
        {
          id: "systemMigration",
          actions: [{ id: "seen", name: "", type: "waitForCheckIn", timeoutSeconds: 86_400 }],
        },
        {
          id: "systemConfiguration",
          actions: [{ id: "scan", name: "", type: "endpointProtectionQuickScan", required: false }],
        },
      ],
    },
    undefined,
    2,
  );

/** The window; `existing` gets the text as its next version. */
export function TemplateEditor(props: {
  readonly text: string;
  readonly visibility: "mine" | "public";
  readonly existing?: { readonly templateId: string; readonly etag: string | undefined };
  readonly onClose: () => void;
}) {
  const { existing, onClose } = props;
  const t = useText();
  const router = useRouter();
  const [text, setText] = useState(props.text);
  const [message, setMessage] = useState("");
  const [isPublic, setPublic] = useState(props.visibility === "public");
  const add = useSend("POST /api/v1/templates");
  const replace = useSend("PUT /api/v1/templates/{templateId}");
  const { value } = readObject(text);
  const save = async () => {
    if (value === undefined) return;
    const body: Body = { ...(value as Body), message, visibility: isPublic ? "public" : "mine" };
    if (existing === undefined) {
      const made = await add.send({ body });
      if (made === undefined) return;
      void router.navigate(templateScreen.at({ templateId: made.body.templateId }) as never);
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
  const problem = add.problem ?? replace.problem;
  return (
    <Window
      wide
      title={t(existing === undefined ? "provisioning.newTemplate" : "provisioning.edit")}
      onClose={onClose}
      actions={
        <>
          <Button
            appearance="primary"
            disabledFocusable={value === undefined || add.isSending || replace.isSending}
            onClick={() => void save()}
          >
            {t("provisioning.save")}
          </Button>
          <Button onClick={onClose}>{t("shared.cancel")}</Button>
        </>
      }
    >
      <JsonField label={t("provisioning.content")} text={text} onChange={setText} />
      <Types />
      <Field label={t("provisioning.message")}>
        <Input
          value={message}
          maxLength={200}
          onChange={(_event, typed) => setMessage(typed.value)}
        />
      </Field>
      <Checkbox
        label={t("provisioning.makePublic")}
        checked={isPublic}
        onChange={(_event, { checked }) => setPublic(checked === true)}
      />
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}

/** Which types of actions there are, and where each may stand. */
function Types() {
  const t = useText();
  const { name } = useFormat();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  if (body === undefined) return null;
  const sectionName = (id: string): string => {
    const found = body.sections.find((section) => section.id === id);
    return found === undefined ? id : name(found.name);
  };
  return (
    <details>
      <summary>{t("provisioning.types")}</summary>
      <ul>
        {body.value.map((type) => (
          <li key={type.id}>
            <code>{type.id}</code> {name(type.name)}
            {type.sections.length < body.sections.length &&
              ` (${type.sections.map(sectionName).join(", ")})`}
          </li>
        ))}
      </ul>
    </details>
  );
}
