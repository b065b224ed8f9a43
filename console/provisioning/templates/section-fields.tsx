/** The actions of a section as fields: added from the catalogue of types, moved, taken away, and each with what its type takes. */
import { Button, Field, makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import { AddRegular, ArrowDownRegular, ArrowUpRegular, DeleteRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { BodyOf, Problem } from "../../../clients/api.ts";
import { announce } from "../../page/announce.tsx";
import { faultAt } from "../../page/values/field-rows.tsx";
import { SelectField } from "../../page/values/fields.tsx";
import { type Described, ValueField } from "../../page/values/value-field.tsx";
import { useText } from "../text.ts";
import { ConditionFields } from "./condition-fields.tsx";
import type { Draft, FormProps } from "./template-form.tsx";
import { type OnTwice, VariableFields } from "./variable-fields.tsx";

/** What the API says of the types of actions. */
export type Catalogue = BodyOf<"GET /api/v1/provisioning/action-types">;
/** An action as the API takes it. */
export type Action = NonNullable<Draft["sections"][number]["actions"]>[number];

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalS,
    minWidth: 0,
    "& h3": { margin: 0 },
  },
  action: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalM,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    minWidth: 0,
  },
  line: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "end",
    gap: tokens.spacingHorizontalS,
    "& > *": { flexGrow: 1, flexBasis: "180px", minWidth: 0 },
    "& > button": { flexGrow: 0, flexBasis: "auto", minWidth: "32px" },
    "& select": { width: "100%", minWidth: 0, textOverflow: "ellipsis" },
  },
});

/** What is wrong with something that is no single field. */
export function Fault({ of }: { of: string | undefined }) {
  const t = useText();
  return of === undefined ? null : <Field validationMessage={t.said(of)} />;
}

/** An id that no action of the draft has: that of its type, with a number where there is one already. */
function freeId({ sections }: Draft, type: string): string {
  const taken = new Set(sections.flatMap(({ actions = [] }) => actions.map(({ id }) => id)));
  let id = type;
  for (let number = 2; taken.has(id); number += 1) id = `${type}-${number}`;
  return id;
}

/** A section. */
export function SectionFields(
  props: FormProps & {
    section: Catalogue["sections"][number];
    catalogue: Catalogue;
  },
) {
  const { section, catalogue, draft, problem, onChange, onTwice } = props;
  const { id } = section;
  const t = useText();
  const styles = useStyles();
  const place = draft.sections.findIndex((each) => each.id === id);
  const actions = draft.sections[place]?.actions ?? [];
  const types = catalogue.value.filter(
    ({ sections, platforms }) => sections.includes(id) && platforms.length > 0,
  );
  const [type = types[0], setType] = useState<Catalogue["value"][number]>();
  const put = (next: Action[], isMoved: boolean) => {
    const order = catalogue.sections.map((each) => each.id);
    const sections =
      place < 0
        ? [...draft.sections, { id, actions: next }].toSorted(
            (one, other) => order.indexOf(one.id) - order.indexOf(other.id),
          )
        : draft.sections.with(place, { id, actions: next });
    onChange({ ...draft, sections }, isMoved);
  };
  const count = actions.length;
  const tell = (name: string, number: number, of: number) =>
    announce(t("provisioning.standsNow", { name, number, count: of }));
  const move = (action: Action, to: number) => {
    put(actions.filter((each) => each !== action).toSpliced(to, 0, action), true);
    tell(action.name, to + 1, count);
  };
  const add = () => {
    if (type === undefined) return;
    const name = t.name(type.name);
    put([...actions, { id: freeId(draft, type.id), name, type: type.id }], true);
    tell(name, count + 1, count + 1);
  };
  return (
    <section className={styles.root} aria-label={t.name(section.name)} data-fields={id}>
      <Subtitle2 as="h3" tabIndex={-1}>
        {t.name(section.name)}
      </Subtitle2>
      {actions.map((action, nth) => (
        <ActionFields
          key={action.id}
          action={action}
          {...{ nth, catalogue, problem, onTwice }}
          count={count}
          at={`/sections/${place}/actions/${nth}`}
          onChange={(next, isMoved = false) => put(actions.with(nth, next), isMoved)}
          onMove={(by) => move(action, nth + by)}
          onRemove={() => put(actions.toSpliced(nth, 1), true)}
        />
      ))}
      <div className={styles.line}>
        <SelectField
          label={t("provisioning.actionToAdd")}
          value={type?.id ?? ""}
          values={types.map((each) => [each.id, t.name(each.name)] as const)}
          onChange={(value) => setType(types.find((each) => each.id === value))}
        />
        <Button icon={<AddRegular />} onClick={add}>
          {t("provisioning.addToSection", { section: t.name(section.name) })}
        </Button>
      </div>
    </section>
  );
}

type ActionProps = {
  action: Action;
  nth: number;
  count: number;
  catalogue: Catalogue;
  problem: Problem | undefined;
  /** Where it stands in what is sent. */
  at: string;
  onChange: (action: Action, isMoved?: boolean) => void;
  onTwice: OnTwice;
  onMove: (by: 1 | -1) => void;
  onRemove: () => void;
};

function ActionFields(props: ActionProps) {
  const { action, nth, catalogue, problem, at, onChange, onTwice } = props;
  const { name, variables = {} } = action;
  const t = useText();
  const styles = useStyles();
  const field = (of: "name" | "required" | "timeoutSeconds", label: string, schema: Described) => (
    <ValueField
      label={label}
      schema={schema}
      value={action[of]}
      isRequired={of === "name"}
      fault={faultAt(problem, `${at}/${of}`)}
      onChange={(value) => onChange({ ...action, [of]: value })}
    />
  );
  return (
    <div role="group" aria-label={`${nth + 1}. ${name}`} className={styles.action}>
      <ActionHead {...props} />
      {["/type", "/id"].map((of) => (
        <Fault key={of} of={faultAt(problem, at + of)} />
      ))}
      {field("name", t("provisioning.name"), { type: "string" })}
      <ParameterFields {...props} />
      <VariableFields
        label={t("provisioning.ownVariables")}
        variables={Object.fromEntries(
          Object.entries(variables).map(([each, value]) => [each, { value }]),
        )}
        {...{ problem, onTwice }}
        at={`${at}/variables`}
        onChange={(given, isMoved) => {
          const own = Object.entries(given).map(([each, { value = "" }]) => [each, value]);
          onChange({ ...action, variables: Object.fromEntries(own) }, isMoved);
        }}
      />
      {field("required", t("provisioning.requiredWhat"), { type: "boolean", default: true })}
      <RetryFields {...props} />
      {field("timeoutSeconds", t("provisioning.timeout"), { type: "integer", default: 3600 })}
      <ConditionFields
        when={action.when}
        {...{ catalogue, problem }}
        at={`${at}/when`}
        onChange={(of, isMoved) => onChange({ ...action, when: of }, isMoved)}
      />
    </div>
  );
}

/** How often it is tried again, after how long, and after which failures. */
function RetryFields({ action, problem, at, onChange }: ActionProps) {
  const t = useText();
  const styles = useStyles();
  const { retry = {} } = action;
  const put = (change: typeof retry) => onChange({ ...action, retry: { ...retry, ...change } });
  const number = (of: "max" | "delaySeconds", label: string, usual: number) => (
    <ValueField
      label={label}
      schema={{ type: "integer", default: usual }}
      value={retry[of]}
      fault={faultAt(problem, `${at}/retry/${of}`)}
      onChange={(value) => put({ [of]: value })}
    />
  );
  return (
    <div className={styles.line} style={{ alignItems: "start" }}>
      {number("max", t("provisioning.furtherTries"), 0)}
      {number("delaySeconds", t("provisioning.retryDelay"), 60)}
      <SelectField
        label={t("provisioning.retryOn")}
        value={retry.on ?? "transient"}
        values={(["transient", "any"] as const).map((on) => [on, t(`provisioning.retryOn.${on}`)])}
        onChange={(on) => put({ on })}
      />
    </div>
  );
}

function ActionHead({ action, nth, count, catalogue, onMove, onRemove }: ActionProps) {
  const t = useText();
  const styles = useStyles();
  const { name, type } = action;
  const known = catalogue.value.find(({ id }) => id === type);
  const at = { name };
  return (
    <div className={styles.line}>
      <strong>
        {nth + 1}. {known === undefined ? type : t.name(known.name)}
      </strong>
      <Button
        icon={<ArrowUpRegular />}
        aria-label={t("provisioning.up", at)}
        disabledFocusable={nth === 0}
        onClick={() => onMove(-1)}
      />
      <Button
        icon={<ArrowDownRegular />}
        aria-label={t("provisioning.down", at)}
        disabledFocusable={nth === count - 1}
        onClick={() => onMove(1)}
      />
      <Button
        icon={<DeleteRegular />}
        aria-label={t("shared.removeRow", at)}
        onClick={({ currentTarget }) => {
          currentTarget.closest("section")?.querySelector("h3")?.focus();
          onRemove();
        }}
      />
    </div>
  );
}

type Parameter = Described & Pick<Catalogue["value"][number], "name">;

/** What the type takes, and what else is given: the API says which of it is wrong. */
function ParameterFields({ action, catalogue, problem, at, onChange }: ActionProps) {
  const t = useText();
  const { parameters = {} } = action;
  const schema = catalogue.value.find(({ id }) => id === action.type)?.parameters ?? {};
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, Parameter>>;
    readonly required?: readonly string[];
  };
  return [...new Set([...Object.keys(properties), ...Object.keys(parameters)])].map((id) => (
    <ValueField
      key={id}
      label={properties[id] === undefined ? id : t.name(properties[id].name)}
      schema={properties[id] ?? {}}
      value={parameters[id]}
      isRequired={required.includes(id)}
      fault={faultAt(problem, `${at}/parameters/${id}`)}
      onChange={(value) => onChange({ ...action, parameters: { ...parameters, [id]: value } })}
    />
  ));
}
