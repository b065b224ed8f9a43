/** Baselines: what many tenants are to have. A new one is made of what is wanted of a tenant. */
import { Field, Input, Select } from "@fluentui/react-components";
import { AddRegular, DocumentMultipleRegular } from "@fluentui/react-icons";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useReadList } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { MayButton } from "../../page/may-button.tsx";
import { Go, PageFrame } from "../../page/page.tsx";
import { Empty, Shown } from "../../page/page-state.tsx";
import { Rows } from "../../page/rows.tsx";
import { AskWindow } from "../../page/window.tsx";
import { useFormat } from "../../text/format.ts";
import { baselineListScreen, baselineScreen } from "../screens.ts";
import { useText } from "../text.ts";

/** The page. */
export function Page() {
  const t = useText();
  const { dateTime } = useFormat();
  const { window: open } = baselineListScreen.useSearch();
  const change = baselineListScreen.useChangeSearch();
  const reading = useReadList("GET /api/v1/baselines", { query: { top: 50 } });
  type Baseline = NonNullable<typeof reading.body>[number];
  const columns = [
    {
      id: "name",
      title: t("sync.column.name"),
      render: ({ baselineId, name }: Baseline) => (
        <Go to={baselineScreen.at({ baselineId })}>{name}</Go>
      ),
    },
    {
      id: "version",
      title: t("sync.version"),
      render: ({ newest }: Baseline) => `${newest.version}: ${newest.message}`,
    },
    {
      id: "items",
      title: t("sync.column.what"),
      render: ({ newest }: Baseline) => t("sync.itemCount", { count: newest.items }),
    },
    { id: "at", title: t("sync.at"), render: ({ newest }: Baseline) => dateTime(newest.at) },
  ];
  return (
    <PageFrame
      title={t("sync.baselines")}
      lead={t("sync.baselinesWhat")}
      bar={
        <MayButton
          icon={<AddRegular />}
          permission="baselines.manage"
          onClick={() => change({ window: "new" })}
        >
          {t("sync.newBaseline")}
        </MayButton>
      }
    >
      <Shown reading={reading}>
        {(baselines) =>
          baselines.length === 0 ? (
            <Empty icon={<DocumentMultipleRegular />} title={t("sync.noBaselines")}>
              {t("sync.noBaselinesWhy")}
            </Empty>
          ) : (
            <Rows
              label={t("sync.baselines")}
              columns={columns}
              items={baselines}
              idOf={({ baselineId }) => baselineId}
              nameOf={({ name }) => name}
              hasMore={reading.hasMore}
              readMore={reading.readMore}
            />
          )
        }
      </Shown>
      {open === "new" && <NewWindow onClose={() => change({ window: undefined }, true)} />}
    </PageFrame>
  );
}

function NewWindow({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const navigate = useNavigate();
  const tenants = useReadList("GET /api/v1/tenants", { query: { top: 200 } });
  const add = useSend("POST /api/v1/baselines");
  const [name, setName] = useState("");
  const [message, setMessage] = useState("");
  const [chosen, setChosen] = useState<string>();
  const tenantId = chosen ?? tenants.body?.[0]?.tenantId;
  const make = async () =>
    tenantId === undefined ? undefined : add.send({ body: { name, message, from: { tenantId } } });
  return (
    <AskWindow
      title={t("sync.newBaseline")}
      verb={t("sync.makeBaseline")}
      sending={add}
      isReady={name.trim() !== "" && message.trim() !== "" && tenantId !== undefined}
      onDo={make}
      onDone={({ body }) => void navigate(baselineScreen.at(body) as never)}
      onClose={onClose}
    >
      <Field label={t("sync.column.name")} required>
        <Input value={name} maxLength={100} onChange={(_event, { value }) => setName(value)} />
      </Field>
      <Field label={t("sync.versionWhy")} required>
        <Input
          value={message}
          maxLength={200}
          onChange={(_event, { value }) => setMessage(value)}
        />
      </Field>
      <Field label={t("sync.fromTenant")} hint={t("sync.fromTenantWhat")}>
        <Select value={tenantId ?? ""} onChange={(_event, { value }) => setChosen(value)}>
          {tenants.body?.map((each) => (
            <option key={each.tenantId} value={each.tenantId}>
              {each.displayName}
            </option>
          ))}
        </Select>
      </Field>
    </AskWindow>
  );
}
