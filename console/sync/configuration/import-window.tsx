/** Takes items into what is wanted of a tenant, as an export gives them, or as a sync's zip has them: all, or none. */
import { useState } from "react";
import type { CallInput } from "../../../clients/api.ts";
import { useSend } from "../../api/send.ts";
import { RadioField, useHeld } from "../../page/values/fields.tsx";
import { JsonField, readObject } from "../../page/values/json-field.tsx";
import { AskWindow } from "../../page/window.tsx";
import { MessageField } from "../message-field.tsx";
import { useText } from "../text.ts";

const path = "POST /api/v1/tenants/{tenantId}/configuration-import";
type Body = Extract<CallInput<typeof path>, { readonly body: unknown }>["body"];

/** A zip's folders: what was wanted, what the tenant had before the sync, and after it. */
const folders = ["wanted", "before", "after"] as const;

/** A fault's place as people look for it: the file of a zip, or the item of a list, and the pointer within. */
function placeIn(pointer: string, items: readonly Partial<Body["items"][number]>[]): string {
  const parts = pointer.split("/").slice(1);
  const [list, at = ""] = parts;
  const { type, key } = (list === "items" && items[Number(at)]) || {};
  const file = parts.findIndex((part) => part.endsWith(".json")) + 1;
  const length = type === undefined ? file : 2;
  const name = type === undefined ? parts.slice(0, file).join("/") : `${type} ${key ?? at}`;
  const within = parts.slice(length).map((part) => `/${part}`);
  return [name.replaceAll("~1", "/").replaceAll("~0", "~"), within.join("")]
    .filter((part) => part !== "")
    .join(" ");
}

export function ImportWindow({ tenantId, onClose }: { tenantId: string; onClose: () => void }) {
  const t = useText();
  const sending = useSend(path);
  const text = useHeld("");
  const [zip, setZip] = useState<File>();
  const folder = useHeld<(typeof folders)[number]>("wanted");
  const typed = useHeld("");
  const message = typed.value.trim();
  const value = readObject(text.value).value as Body | undefined;
  const params = { tenantId };
  const send = async () =>
    zip === undefined
      ? sending.send({ params, body: { ...(value as Body), message } })
      : sending.send({
          params,
          query: { folder: folder.value, message },
          file: { type: "application/zip", content: zip },
        });
  return (
    <AskWindow
      wide
      title={t("sync.import")}
      verb={t("sync.importDo")}
      sending={sending}
      placeOf={(pointer) => placeIn(pointer, (zip === undefined && value?.items) || [])}
      isReady={(zip ?? value) !== undefined && message !== ""}
      onDo={send}
      said={({ body: { items } }) => t("sync.imported", { count: items })}
      onClose={onClose}
    >
      <p>{t("sync.importWhat")}</p>
      <JsonField label={t("sync.content")} {...text} zip={zip} onZip={setZip} />
      {zip && (
        <RadioField
          label={t("sync.folder", { name: zip.name })}
          values={folders.map((each) => [each, t(`sync.folder.${each}`)])}
          {...folder}
        />
      )}
      <MessageField {...typed} />
    </AskWindow>
  );
}
