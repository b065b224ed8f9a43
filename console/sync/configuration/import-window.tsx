/** Takes items into what is wanted of a tenant, as an export gives them, or as a sync's zip has them: all, or none. */
import { useState } from "react";
import type { CallInput } from "../../../clients/api.ts";
import { useSend } from "../../api/send.ts";
import { announce } from "../../page/announce.tsx";
import { JsonField, readObject } from "../../page/values/json-field.tsx";
import { AskWindow } from "../../page/window.tsx";
import { MessageField } from "../message-field.tsx";
import { useText } from "../text.ts";

const path = "POST /api/v1/tenants/{tenantId}/configuration-import";
type Body = Extract<CallInput<typeof path>, { readonly body: unknown }>["body"];

/** The window. */
export function ImportWindow(props: { readonly tenantId: string; readonly onClose: () => void }) {
  const { tenantId, onClose } = props;
  const t = useText();
  const sending = useSend(path);
  const [text, setText] = useState("");
  const [message, setMessage] = useState("");
  const { value } = readObject(text);
  const send = async () =>
    sending.send({
      params: { tenantId },
      body: { ...(value as Body), message: message.trim() },
    });
  return (
    <AskWindow
      wide
      title={t("sync.import")}
      verb={t("sync.importDo")}
      sending={sending}
      isReady={value !== undefined && message.trim() !== ""}
      onDo={send}
      onDone={({ body: { items } }) => {
        announce(t("sync.imported", { count: items }));
        onClose();
      }}
      onClose={onClose}
    >
      <p>{t("sync.importWhat")}</p>
      <JsonField label={t("sync.content")} text={text} onChange={setText} />
      <MessageField value={message} onChange={setMessage} />
    </AskWindow>
  );
}
