/** The group tag of devices that bring none: by profile, as the table of Microsoft's page has it, or one of one's own. */
import { makeStyles, Radio, RadioGroup, tokens } from "@fluentui/react-components";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { Quiet } from "../page/job/listed.tsx";
import { Code, Shown } from "../page/page.tsx";
import { useText } from "./text.ts";

const narrow = "@media (max-width: 720px)";
const useStyles = makeStyles({
  table: {
    borderCollapse: "collapse",
    width: "100%",
    "& th, & td": {
      textAlign: "start",
      padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
      overflowWrap: "anywhere",
    },
    [narrow]: { "& thead": { display: "none" }, "& th, & td": { display: "block" } },
  },
});

/** The tags that can be chosen for a tenant: of what nobody offers, none is chosen. */
export function useTags(tenantId: string) {
  const may = useMay();
  const reading = useRead("GET /api/v1/tenants/{tenantId}/group-tags", { params: { tenantId } });
  // The partner's own lists are of no tenant: it takes the permission everywhere.
  const isEverywhere = may("registration.read", "everywhere");
  const lists = useRead("GET /api/v1/partner/group-tags", {}, { enabled: isEverywhere });
  const own = [
    ...(reading.body?.tags ?? []),
    ...(lists.body?.lists.flatMap(({ tags }) => tags) ?? []),
  ];
  const offered = new Set([...own, ...(reading.body?.preset ?? [])]);
  return { reading, own: [...new Set(own)], offered };
}

const Choice = ({ of }: { of: string }) => <Radio value={of} label={<Code of={of} />} />;

/** The table, and one's own tags beneath it. */
export function TagTable(props: {
  tags: ReturnType<typeof useTags>;
  tag: string | undefined;
  onChange: (tag: string | undefined) => void;
}) {
  const { tags, tag, onChange } = props;
  const t = useText();
  const styles = useStyles();
  return (
    <Shown reading={tags.reading}>
      {({ profiles }) => (
        <RadioGroup
          aria-label={t("registration.tag")}
          value={tag ?? ""}
          onChange={(_event, { value }) => onChange(value === "" ? undefined : value)}
        >
          <Radio value="" label={t("registration.noTag")} />
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">{t("registration.profile")}</th>
                <th scope="col">{t("registration.standardTag")}</th>
                <th scope="col">{t("registration.sharedTag")}</th>
              </tr>
            </thead>
            <tbody>
              {profiles.map(({ names, standard, shared }) => (
                <tr key={standard}>
                  <th scope="row">{t.name(names)}</th>
                  <td>
                    <Choice of={standard} />
                  </td>
                  <td>
                    {shared === undefined ? (
                      <Quiet>{t("registration.unsupported")}</Quiet>
                    ) : (
                      <Choice of={shared} />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {tags.own.map((each) => (
            <div key={each}>
              <Choice of={each} />
            </div>
          ))}
        </RadioGroup>
      )}
    </Shown>
  );
}
