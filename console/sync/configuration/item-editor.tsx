/**
 * What is wanted of an item, written as JSON: of one that is there, only the version that was shown; or a new one of a
 * type. What is wrong with it, the API says, every fault with its place.
 */
import { useState } from "react";
import { CallWindow } from "../../page/job/call.tsx";
import { useGo } from "../../page/page.tsx";
import { TextField, useHeld } from "../../page/values/fields.tsx";
import { JsonField, readObject } from "../../page/values/json-field.tsx";
import { MessageField } from "../message-field.tsx";
import { itemScreen } from "../screens.ts";
import { useText } from "../text.ts";

export function ItemEditor(props: {
  ids: { readonly tenantId: string; readonly type: string };
  /** The item that is changed; without it, a new one. */
  item?: { readonly key: string; readonly body: unknown; readonly etag: string };
  onClose: () => void;
}) {
  const { ids, onClose } = props;
  // Whatever is read meanwhile: what is saved was made of this version.
  const [item] = useState(props.item);
  const t = useText();
  const go = useGo();
  const key = useHeld(item?.key ?? "");
  const text = useHeld(() => JSON.stringify(item?.body ?? { displayName: "" }, undefined, 2));
  const message = useHeld("");
  const { value } = readObject(text.value);
  const given = {
    params: { ...ids, key: key.value },
    body: { body: value ?? {}, message: message.value.trim() },
    ifMatch: item?.etag ?? '"none"',
  };
  const done = () => {
    const { tenantId, type } = ids;
    if (item) onClose();
    else go(itemScreen.at({ tenantId }, { type, key: key.value }));
  };
  return (
    <CallWindow
      wide
      title={item ? t("sync.edit") : t("sync.newItem")}
      verb={t("sync.save")}
      call="PUT /api/v1/tenants/{tenantId}/configuration/{type}/{key}"
      given={given}
      isReady={value !== undefined && key.value !== "" && message.value.trim() !== ""}
      said={() => t("sync.saved")}
      onDone={done}
      onClose={onClose}
    >
      <p>{t("sync.editWhat")}</p>
      {!item && (
        <TextField
          label={t("sync.key")}
          hint={t("sync.keyWhat")}
          required
          {...key}
          maxLength={512}
        />
      )}
      <JsonField label={t("sync.content")} {...text} />
      <MessageField {...message} />
    </CallWindow>
  );
}
