/** Makes a collection, or changes one; a rule shows what it finds while it is written. */
import { Spinner, Text as Words } from "@fluentui/react-components";
import { useState } from "react";
import type { CollectionBody, Rule } from "../../../shared/devices/collections/collection.ts";
import { useAsk, useSettled } from "../../api/ask.ts";
import { useSend } from "../../api/send.ts";
import { useGo } from "../../page/page.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { fieldsOf, TextField } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { collectionScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { isWhole, RuleFields } from "./rule-fields.tsx";

/** One that exists, as it was read. */
type Existing = { readonly collectionId: string; readonly etag: string };

export function CollectionWindow(props: {
  tenantId: string;
  initial: CollectionBody;
  existing?: Existing;
  onClose: () => void;
}) {
  const { tenantId, initial, existing, onClose } = props;
  const t = useText();
  const go = useGo();
  const [body, setBody] = useState(initial);
  const of = fieldsOf(body, setBody);
  const add = useSend("POST /api/v1/tenants/{tenantId}/collections");
  const replace = useSend("PUT /api/v1/tenants/{tenantId}/collections/{collectionId}");
  const isReady = body.name.trim() !== "" && (body.kind === "static" || isWhole(body.rule));
  const save = async (): Promise<{ readonly collectionId: string } | undefined> => {
    if (existing === undefined) return (await add.send({ params: { tenantId }, body }))?.body;
    const { collectionId, etag: ifMatch } = existing;
    const params = { tenantId, collectionId };
    return (await replace.send({ params, body, ifMatch })) && { collectionId };
  };
  const done = ({ collectionId }: { readonly collectionId: string }) =>
    existing ? onClose() : go(collectionScreen.at({ tenantId, collectionId }));
  return (
    <AskWindow
      wide
      asks={false}
      title={t(existing === undefined ? "devices.newCollection" : "devices.changeCollection")}
      verb={t("devices.save")}
      no={t("devices.close")}
      sending={existing ? replace : add}
      isReady={isReady}
      onDo={save}
      onDone={done}
      onClose={onClose}
    >
      <TextField label={t("devices.collectionName")} required {...of("name")} maxLength={200} />
      <TextField
        label={t("devices.description")}
        value={body.description ?? ""}
        maxLength={1000}
        isLong
        onChange={(value) => setBody({ ...body, description: value })}
      />
      {body.kind === "static" ? (
        <Words>{t("devices.chosen", { count: body.deviceIds.length })}</Words>
      ) : (
        <>
          <RuleFields rule={body.rule} onChange={(rule) => setBody({ ...body, rule })} />
          <Preview tenantId={tenantId} rule={body.rule} />
        </>
      )}
    </AskWindow>
  );
}

/** What a rule finds now: how many, and the first of them. */
function Preview({ tenantId, rule }: { tenantId: string; rule: Rule }) {
  const t = useText();
  const settled = useSettled(rule);
  const asked = useAsk(
    "POST /api/v1/tenants/{tenantId}/collections/preview",
    isWhole(settled) ? { params: { tenantId }, body: { rule: settled } } : undefined,
  );
  const { body, problem, isAsking } = asked;
  if (problem !== undefined) return <ProblemView problem={problem} again={asked.again} />;
  if (!isWhole(rule)) return <Words>{t("devices.ruleOpen")}</Words>;
  if (body === undefined || isAsking) return <Spinner size="tiny" label={t("devices.counting")} />;
  return (
    <section aria-label={t("devices.preview")} aria-live="off">
      <Words weight="semibold" data-found={body.count}>
        {t(body.countComplete ? "devices.finds" : "devices.findsAtLeast", { count: body.count })}
      </Words>
      <ul>
        {body.sample.slice(0, 5).map(({ deviceId, name }) => (
          <li key={deviceId}>{name === "" ? deviceId : name}</li>
        ))}
      </ul>
    </section>
  );
}
