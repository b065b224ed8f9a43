/** What a version does: its five sections, and what is different in another one. */
import { Badge, makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import type { BodyOf } from "../../../clients/api.ts";
import { useNames } from "../../api/names.ts";
import { useRead } from "../../api/read.ts";
import { useFormat } from "../../text/format.ts";
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
  quiet: { color: tokens.colorNeutralForeground2 },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalXL, "& > li": { padding: "4px 0" } },
  code: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: "pre-wrap",
    margin: 0,
  },
  table: {
    borderCollapse: "collapse",
    width: "100%",
    tableLayout: "fixed",
    "& th": { textAlign: "start", fontWeight: tokens.fontWeightSemibold },
    "& th, & td": {
      padding: tokens.spacingVerticalXS,
      verticalAlign: "top",
      overflowWrap: "anywhere",
      borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    },
  },
});

/** What the types of actions are called. */
function useTypeNames(): (type: string) => string {
  const { name } = useFormat();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  return (type) => {
    const found = body?.value.find(({ id }) => id === type);
    return found === undefined ? type : name(found.name);
  };
}

/** The five sections of every template, in their order; those in which a run can be begun again say so. */
export function Sections({ content }: { readonly content: Content }) {
  const t = useText();
  const styles = useStyles();
  const { name } = useFormat();
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  return (body?.sections ?? []).map((section) => {
    const actions = content.sections.find(({ id }) => id === section.id)?.actions ?? [];
    return (
      <section key={section.id} className={styles.section} data-section={section.id}>
        <Subtitle2 as="h2">{name(section.name)}</Subtitle2>
        {section.restartable && (
          <div className={styles.quiet}>{t("provisioning.restartableSection")}</div>
        )}
        {actions.length === 0 ? (
          <div className={styles.quiet}>{t("provisioning.noAction")}</div>
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

function ActionOf({ action }: { readonly action: Action }) {
  const t = useText();
  const styles = useStyles();
  const typeName = useTypeNames();
  const { name, type, required, retry, timeoutSeconds, parameters, when } = action;
  return (
    <li>
      <strong>{name}</strong> {typeName(type)}{" "}
      <Badge appearance="outline" color="informative">
        {t(required ? "provisioning.required" : "provisioning.optional")}
      </Badge>
      <div className={styles.quiet}>
        {t("provisioning.tries", { count: retry.max, minutes: Math.ceil(timeoutSeconds / 60) })}
      </div>
      {when !== undefined && (
        <div className={styles.code}>
          {t("provisioning.onlyWhen", { condition: JSON.stringify(when) })}
        </div>
      )}
      {Object.keys(parameters).length > 0 && (
        <pre className={styles.code}>{JSON.stringify(parameters, undefined, 1)}</pre>
      )}
    </li>
  );
}

type Placed = { readonly at: string; readonly action: Action };
const placed = ({ sections }: Content): Map<string, Placed> =>
  new Map(
    sections.flatMap(({ id, actions }) =>
      actions.map((action, index) => [action.id, { at: `${id} ${index + 1}`, action }] as const),
    ),
  );

const shown = (value: unknown): string =>
  value === undefined ? "\u2014" : JSON.stringify(value, undefined, 1);

/** What is different, action by action, and of everything else as a whole. */
export function Differences({ old, now }: { readonly old: Content; readonly now: Content }) {
  const t = useText();
  const styles = useStyles();
  const named = useNames();
  const [before, after] = [placed(old), placed(now)];
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  const place = (one: Placed | undefined): string => {
    const [section = "", number = ""] = one?.at.split(" ") ?? [];
    return section === "" ? "" : `${named("sections", section)}, ${number}`;
  };
  const rows = ids.map((id) => {
    const [was, is] = [before.get(id), after.get(id)];
    return {
      id,
      name: (is ?? was)?.action.name ?? id,
      was: [place(was), shown(was?.action)],
      is: [place(is), shown(is?.action)],
    };
  });
  const rest = (["platforms", "variables"] as const).map((id) => ({
    id,
    name: t(`provisioning.${id}`),
    was: ["", shown(old[id])],
    is: ["", shown(now[id])],
  }));
  const different = [...rows, ...rest].filter(({ was, is }) => was.join() !== is.join());
  if (different.length === 0) return <p>{t("provisioning.same")}</p>;
  return (
    <table className={styles.table} aria-label={t("provisioning.differences")} data-differences>
      <thead>
        <tr>
          <th scope="col">{t("provisioning.action")}</th>
          <th scope="col">{t("provisioning.other")}</th>
          <th scope="col">{t("provisioning.shown")}</th>
        </tr>
      </thead>
      <tbody>
        {different.map(({ id, name, was, is }) => (
          <tr key={id} data-different={id}>
            <th scope="row">{name}</th>
            {[was, is].map(([at, text], index) => (
              // oxlint-disable-next-line react/no-array-index-key -- the other one, and this one
              <td key={index}>
                <div className={styles.quiet}>{at}</div>
                <pre className={styles.code}>{text}</pre>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
