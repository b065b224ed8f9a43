/** What a version does: its five sections, and what is different in another one. */
import { Badge, makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import type { BodyOf } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { Quiet } from "../../page/job/listed.tsx";
import { Code } from "../../page/page.tsx";
import { OldAndNew, type Side } from "../../page/values/old-and-new.tsx";
import { useText } from "../text.ts";

/** A version as it is exported. */
export type Content = BodyOf<"GET /api/v1/templates/{templateId}/versions/{version}">;
type Section = Content["sections"][number];
type Action = Section["actions"][number];

const useStyles = makeStyles({
  section: {
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    padding: tokens.spacingHorizontalM,
    overflowWrap: "anywhere",
    "& h2": { margin: 0 },
  },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalXL, "& > li": { padding: "4px 0" } },
});

/** What the types of actions are called. */
function useTypeNames(): (type: string) => string {
  const t = useText();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  return (type) => {
    const found = body?.value.find(({ id }) => id === type);
    return found === undefined ? type : t.name(found.name);
  };
}

/** The five sections of every template, in their order; those in which a run can be begun again say so. */
export function Sections({ content }: { content: Content }) {
  const t = useText();
  const styles = useStyles();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  return (body?.sections ?? []).map((section) => {
    const actions = content.sections.find(({ id }) => id === section.id)?.actions ?? [];
    return (
      <section key={section.id} className={styles.section} data-section={section.id}>
        <Subtitle2 as="h2">{t.name(section.name)}</Subtitle2>
        {section.restartable && <Quiet>{t("provisioning.restartableSection")}</Quiet>}
        {actions.length === 0 ? (
          <Quiet>{t("provisioning.noAction")}</Quiet>
        ) : (
          <ol className={styles.list}>
            {actions.map((action) => (
              <ActionOf key={action.id} action={action} />
            ))}
          </ol>
        )}
      </section>
    );
  });
}

function ActionOf({ action }: { action: Action }) {
  const t = useText();
  const typeName = useTypeNames();
  const { name, type, required, retry, timeoutSeconds, parameters, when } = action;
  return (
    <li>
      <strong>{name}</strong> {typeName(type)}{" "}
      <Badge appearance="outline" color="informative">
        {t(required ? "provisioning.required" : "provisioning.optional")}
      </Badge>
      <Quiet>
        {t("provisioning.tries", { count: retry.max, minutes: Math.ceil(timeoutSeconds / 60) })}
      </Quiet>
      {when !== undefined && (
        <div>
          <Code of={t("provisioning.onlyWhen", { condition: JSON.stringify(when) })} />
        </div>
      )}
      {Object.keys(parameters).length > 0 && (
        <div>
          <Code of={parameters} />
        </div>
      )}
    </li>
  );
}

const placed = ({ sections }: Content) =>
  new Map(
    sections.flatMap(({ id, actions }) =>
      actions.map((action, index) => [action.id, { section: id, number: index + 1, action }]),
    ),
  );

/** What is different, action by action, and of everything else as a whole. */
export function Differences({ old, now }: { old: Content; now: Content }) {
  const t = useText();
  const [before, after] = [placed(old), placed(now)];
  const sideOf = (all: typeof before, id: string): Side => {
    const one = all.get(id);
    if (one === undefined) return { value: undefined };
    return { value: one.action, place: `${t.named("sections", one.section)}, ${one.number}` };
  };
  const actions = [...new Set([...before.keys(), ...after.keys()])].map((id) => ({
    id,
    name: (after.get(id) ?? before.get(id))?.action.name ?? id,
    sides: [sideOf(before, id), sideOf(after, id)] as const,
  }));
  const rest = (["platforms", "variables"] as const).map((id) => ({
    id,
    name: t(`provisioning.${id}`),
    sides: [{ value: old[id] }, { value: now[id] }] as const,
  }));
  const different = [...actions, ...rest].filter(
    ({ sides: [was, is] }) => JSON.stringify(was) !== JSON.stringify(is),
  );
  if (different.length === 0) return <p>{t("provisioning.same")}</p>;
  return (
    <OldAndNew
      label={t("provisioning.differences")}
      heads={[t("provisioning.action"), t("provisioning.other"), t("provisioning.shown")]}
      rows={different}
    />
  );
}
