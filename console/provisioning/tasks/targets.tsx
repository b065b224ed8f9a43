/** Whom a task is for, and the devices that can be added to it: chosen and added by a button, or dragged onto the task. */
import {
  Button,
  Field,
  makeStyles,
  SearchBox,
  Subtitle2,
  tokens,
} from "@fluentui/react-components";
import { AddRegular, DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { BodyOf } from "../../../clients/api.ts";
import { useSettled } from "../../api/ask.ts";
import { useMay } from "../../api/me.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { deviceAt } from "../../notifications/screens.ts";
import { Line } from "../../page/look/line.tsx";
import { Go, Shown } from "../../page/page.tsx";
import { type Choice, Rows, useChoice } from "../../page/rows.tsx";
import { SelectField } from "../../page/values/fields.tsx";
import { useText } from "../text.ts";
import { carried, Refused, useAddTargets } from "./add-targets.tsx";
import { type Targets as AllTargets, type Task, targetsOf } from "./task.ts";

type Device = BodyOf<"GET /api/v1/tenants/{tenantId}/devices/{deviceId}">;

const useStyles = makeStyles({
  list: { listStyleType: "none", margin: 0, padding: 0, overflowWrap: "anywhere" },
  item: { display: "flex", alignItems: "center", gap: tokens.spacingHorizontalS },
  grow: { flexGrow: 1, flexBasis: "180px", minWidth: 0 },
  bar: { marginTop: tokens.spacingVerticalS, marginBottom: tokens.spacingVerticalS },
});

function DeviceTarget(props: {
  tenantId: string;
  deviceId: string;
  remove: (name: string) => ReactNode;
}) {
  const { tenantId, deviceId, remove } = props;
  const { body } = useRead("GET /api/v1/tenants/{tenantId}/devices/{deviceId}", {
    params: { tenantId, deviceId },
  });
  const name = body?.name || deviceId;
  return (
    <li className={useStyles().item}>
      <Go to={deviceAt(tenantId, deviceId)}>{name}</Go>
      {remove(name)}
    </li>
  );
}

/** Names of collections by their ids. */
function useCollections(tenantId: string, enabled: boolean) {
  const { body = [] } = useReadList(
    "GET /api/v1/tenants/{tenantId}/collections",
    { params: { tenantId } },
    { enabled: useMay()("collections.read", tenantId) && enabled },
  );
  return body;
}

/** Names are asked for one by one; of the rest it says how many there are. */
const mostNamed = 8;

/** Whom it is for now. */
export function TargetList(props: { task: Task; etag: string | undefined; mayChange: boolean }) {
  const { task, etag, mayChange } = props;
  const { tenantId } = task;
  const t = useText();
  const styles = useStyles();
  const { put, refusal } = useAddTargets(tenantId);
  const targets = targetsOf(task);
  const { deviceIds, collectionIds, rules } = targets;
  const collections = useCollections(tenantId, collectionIds.length > 0);
  const without = (some: Partial<AllTargets>) => void put(task, { ...targets, ...some }, etag);
  const remove = (name: string, some: Partial<AllTargets>) =>
    mayChange && (
      <Button
        appearance="subtle"
        size="small"
        icon={<DismissRegular />}
        aria-label={t("provisioning.removeTarget", { name })}
        onClick={() => without(some)}
      />
    );
  const nameOf = (id: string) =>
    collections.find(({ collectionId }) => collectionId === id)?.name ?? id;
  return (
    <section aria-label={t("provisioning.targets")} data-targets={deviceIds.length}>
      <Subtitle2 as="h3">{t("provisioning.targets")}</Subtitle2>
      <ul className={styles.list}>
        {deviceIds.slice(0, mostNamed).map((deviceId) => (
          <DeviceTarget
            key={deviceId}
            tenantId={tenantId}
            deviceId={deviceId}
            remove={(name) =>
              remove(name, { deviceIds: deviceIds.filter((each) => each !== deviceId) })
            }
          />
        ))}
        {deviceIds.length > mostNamed && (
          <li>{t("provisioning.moreDevices", { count: deviceIds.length - mostNamed })}</li>
        )}
        {collectionIds.map((id) => (
          <li key={id} className={styles.item}>
            {t("provisioning.collection", { name: nameOf(id) })}
            {remove(nameOf(id), { collectionIds: collectionIds.filter((each) => each !== id) })}
          </li>
        ))}
        {rules.map((rule) => (
          <li key={JSON.stringify(rule)} className={styles.item}>
            <code>{ruleWords(rule)}</code>
            {remove(ruleWords(rule), { rules: rules.filter((each) => each !== rule) })}
          </li>
        ))}
      </ul>
      {deviceIds.length + collectionIds.length + rules.length === 0 &&
        t("provisioning.noTargetYet")}
      {rules.length + collectionIds.length > 0 && <p>{t("provisioning.lookedUp")}</p>}
      <Refused of={refusal} />
    </section>
  );
}

/** A rule in the API's own words. */
function ruleWords(rule: unknown): string {
  const { and, or, not, ...condition } = rule as Record<string, string | string[] | undefined>;
  if (Array.isArray(and)) return and.map(ruleWords).join(" and ");
  if (Array.isArray(or)) return `(${or.map(ruleWords).join(" or ")})`;
  if (not !== undefined) return `not (${ruleWords(not)})`;
  const { property, operator, value } = condition;
  return [property, operator, value].flat().filter(Boolean).join(" ");
}

/** As many as can be looked over; whoever wants more types some of the name, or goes to the list of devices. */
const mostDevices = 20;

/** The tenant's devices, to be added to a task. */
export function NetworkView({ task }: { task: Task }) {
  const { tenantId, taskId } = task;
  const t = useText();
  const styles = useStyles();
  const [search, setSearch] = useState("");
  const choice = useChoice(({ deviceId, name }: Device) => [deviceId, name]);
  const { chosen, clear } = choice;
  const { add, isSending, refusal } = useAddTargets(tenantId);
  const settled = useSettled(search.trim());
  const reading = useReadList("GET /api/v1/tenants/{tenantId}/devices", {
    params: { tenantId },
    query: { top: mostDevices, ...(settled !== "" && { search: settled }) },
  });
  const addChosen = async () => {
    if (await add(taskId, { deviceIds: [...chosen.keys()] })) clear();
  };
  return (
    <section aria-label={t("provisioning.network")} data-network>
      <Subtitle2 as="h3">{t("provisioning.network")}</Subtitle2>
      <div>{t("provisioning.networkWhat", { name: task.displayName })}</div>
      <Field label={t("provisioning.search")}>
        <SearchBox value={search} onChange={(_event, { value }) => setSearch(value)} />
      </Field>
      <div className={styles.bar}>
        <Button
          appearance="primary"
          icon={<AddRegular />}
          disabledFocusable={chosen.size === 0 || isSending}
          onClick={() => void addChosen()}
        >
          {t("provisioning.addChosen", { count: chosen.size })}
        </Button>
      </div>
      <Refused of={refusal} />
      <Shown reading={reading}>
        {(devices) => (
          <>
            <DeviceChoice devices={devices.slice(0, mostDevices)} choice={choice} />
            {reading.hasMore && <p>{t("provisioning.typeMore")}</p>}
          </>
        )}
      </Shown>
      <CollectionChoice task={task} onAdd={(id) => void add(taskId, { collectionIds: [id] })} />
    </section>
  );
}

function DeviceChoice({ devices, choice }: { devices: readonly Device[]; choice: Choice<Device> }) {
  const { chosen } = choice;
  const t = useText();
  return (
    <Rows
      label={t("provisioning.network")}
      columns={{
        [t("provisioning.device")]: ({ name }) => name,
        [t("provisioning.os")]: ({ operatingSystem }) => operatingSystem,
        [t("provisioning.seen")]: ({ lastSyncDateTime: at }) => (at === "" ? "" : t.since(at)),
      }}
      items={devices}
      idOf={({ deviceId }) => deviceId}
      nameOf={({ name }) => name}
      choice={choice}
      // Who drags a chosen one means all that are chosen.
      carries={({ deviceId }) =>
        carried({ deviceIds: chosen.has(deviceId) ? [...chosen.keys()] : [deviceId] })
      }
    />
  );
}

function CollectionChoice({ task, onAdd }: { task: Task; onAdd: (id: string) => void }) {
  const t = useText();
  const styles = useStyles();
  const [id, setId] = useState("");
  const has = targetsOf(task).collectionIds;
  const collections = useCollections(task.tenantId, true).filter(
    ({ collectionId }) => !has.includes(collectionId),
  );
  if (collections.length === 0) return null;
  return (
    <Line align="end">
      <SelectField
        label={t("provisioning.orCollection")}
        className={styles.grow}
        value={id}
        none={t("provisioning.choose")}
        values={collections.map(({ collectionId, name }) => [collectionId, name] as const)}
        onChange={setId}
      />
      <Button disabledFocusable={id === ""} onClick={() => onAdd(id)}>
        {t("provisioning.addCollection")}
      </Button>
    </Line>
  );
}
