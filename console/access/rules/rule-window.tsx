/** One rule of what needs a second person, made or changed among all of them as they were read. */
import { Field } from "@fluentui/react-components";
import { useState } from "react";
import { useRead } from "../../api/read.ts";
import type { Sending } from "../../api/send.ts";
import { Ticks } from "../../page/filters.tsx";
import { CheckField, fieldsOf, NumberField, SelectField } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { useTenants } from "../scope.ts";
import { useText } from "../text.ts";
import type { Policy, Rule } from "./rules-page.tsx";

const kinds = ["notification", "provisioning", "registration", "sync"] as const;
const callerKinds = ["user", "app", "bootstrap"] as const;

/** Actions that rules of a kind can name, with their names. */
export function useActionsOf(): (kind: Rule["kind"]) => readonly (readonly [string, string])[] {
  const t = useText();
  const sent = useRead("GET /api/v1/actions", {}).body?.value ?? [];
  const types = useRead("GET /api/v1/provisioning/action-types", {}).body?.value ?? [];
  return (kind) => {
    switch (kind) {
      case "notification":
        return sent.map((action) => [action.id, t.name(action.name)]);
      case "provisioning":
        return types.filter(({ guarded }) => guarded).map((type) => [type.id, t.name(type.name)]);
      case "registration":
        return [
          ["register", t("access.register")],
          ["deregister", t("access.deregister")],
        ];
      default:
        return [];
    }
  };
}

const usual: Rule = {
  kind: "notification",
  actions: "all",
  tenantIds: "all",
  moreThan: 0,
  withinHours: 24,
  expiresAfterHours: 24,
  approvers: ["user"],
};

/** The window; `at`: the place of the rule that is changed, without it a new one. */
export function RuleWindow(props: {
  all: { readonly rules: readonly Rule[]; readonly etag: string | undefined };
  at: number | undefined;
  sending: Pick<Sending<never>, "isSending" | "problem">;
  onPut: (rules: Policy, etag: string | undefined) => Promise<unknown>;
  onClose: () => void;
}) {
  const { at, sending, onPut, onClose } = props;
  const t = useText();
  const actionsOf = useActionsOf();
  const tenants = useTenants();
  // Whatever is read meanwhile: what is saved was made of these.
  const [all] = useState(props.all);
  const [rule, setRule] = useState<Rule>(
    () => (at === undefined ? undefined : all.rules[at]) ?? usual,
  );
  const put = (changed: Partial<Rule>) => setRule({ ...rule, ...changed });
  const { kind, actions, tenantIds, approvers } = rule;
  const rules =
    at === undefined
      ? [...all.rules, rule]
      : all.rules.map((each, nth) => (nth === at ? rule : each));
  const of = fieldsOf(rule, setRule);
  const count = (name: "moreThan" | "withinHours" | "expiresAfterHours", least: number) => (
    <NumberField label={t(`access.${name}`)} min={least} {...of(name)} />
  );
  const isWhole = actions.length > 0 && tenantIds.length > 0 && approvers.length > 0;
  return (
    <AskWindow
      title={t(at === undefined ? "access.newRule" : "access.changeRule")}
      verb={t("access.save")}
      sending={sending}
      isReady={isWhole}
      onDo={() => onPut({ rules }, all.etag)}
      onClose={onClose}
    >
      <SelectField
        label={t("access.kind")}
        value={kind}
        values={kinds.map((each) => [each, t(`access.ruleKind.${each}`)] as const)}
        onChange={(chosen) => put({ kind: chosen, actions: "all" })}
      />
      {kind !== "sync" && (
        <AllOrSome
          label={t("access.actions")}
          all={t("access.allActions")}
          known={actionsOf(kind)}
          {...of("actions")}
        />
      )}
      <AllOrSome
        label={t("access.scope")}
        all={t("access.everything")}
        known={tenants.map(({ tenantId, displayName }) => [tenantId, displayName] as const)}
        {...of("tenantIds")}
      />
      {count("moreThan", 0)}
      {kind !== "sync" && count("withinHours", 1)}
      {kind !== "sync" && count("expiresAfterHours", 1)}
      <Ticks
        label={t("access.approvers")}
        known={callerKinds.map((each) => [each, t(`access.kind.${each}`)] as const)}
        {...of("approvers")}
      />
    </AskWindow>
  );
}

/** All, or those that are ticked. */
function AllOrSome(
  props: Omit<Parameters<typeof Ticks>[0], "value" | "onChange"> & {
    all: string;
    value: "all" | readonly string[];
    onChange: (value: "all" | string[]) => void;
  },
) {
  const { all, value, onChange, ...rest } = props;
  return (
    <>
      <Field label={rest.label}>
        <CheckField
          label={all}
          value={value === "all"}
          onChange={(isChecked) => onChange(isChecked ? "all" : [])}
        />
      </Field>
      {value !== "all" && <Ticks {...rest} value={value} onChange={onChange} />}
    </>
  );
}
