/** Chooses the tenant that the pages of the navigation are about. */
import { Combobox, makeStyles, Option, tokens } from "@fluentui/react-components";
import { useEffect, useMemo, useState } from "react";
import { useMay } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { useSharedText } from "../text/text.ts";
import { useChangeTenant, useTenantId } from "./tenant.ts";

const useStyles = makeStyles({
  root: {
    minWidth: "120px",
    width: "260px",
    flexShrink: 1,
    "& input": { minWidth: 0, width: "100%" },
    "& .fui-Combobox__expandIcon": {
      display: "flex",
      alignItems: "center",
      justifyContent: "center",
      minWidth: "24px",
      minHeight: "24px",
    },
  },
  list: { maxHeight: "60vh" },
  more: { color: tokens.colorNeutralForeground2 },
});

/** Most options at once: who looks for another one types some of its name. */
const mostShown = 50;

/** The selector in the header. */
export function TenantSelector() {
  const t = useSharedText();
  const styles = useStyles();
  const tenantId = useTenantId();
  const change = useChangeTenant();
  const {
    body: tenants = [],
    hasMore,
    readMore,
  } = useReadList(
    "GET /api/v1/tenants",
    { query: { top: 1000 } },
    { enabled: useMay()("tenants.read") },
  );
  const [typed, setTyped] = useState<string | undefined>(undefined);
  // One is looked for among all of them, not among those of the first page.
  useEffect(() => {
    if (typed !== undefined && hasMore) readMore();
  }, [typed, hasMore, readMore]);
  const chosen = tenants.find((each) => each.tenantId === tenantId);
  const found = useMemo(() => {
    const wanted = typed?.trim().toLocaleLowerCase() ?? "";
    return tenants.filter(
      (each) => each.displayName.toLocaleLowerCase().includes(wanted) || each.tenantId === wanted,
    );
  }, [tenants, typed]);
  if (tenants.length === 0) return null;
  return (
    <Combobox
      className={styles.root}
      aria-label={t("frame.tenant")}
      placeholder={t("frame.chooseTenant")}
      value={typed ?? chosen?.displayName ?? ""}
      selectedOptions={tenantId === undefined ? [] : [tenantId]}
      onChange={(event) => setTyped(event.target.value)}
      onOpenChange={(_event, { open }) => {
        if (!open) setTyped(undefined);
      }}
      onOptionSelect={(_event, { optionValue }) => {
        setTyped(undefined);
        if (optionValue !== undefined) change(optionValue);
      }}
      listbox={{ className: styles.list }}
    >
      {found.slice(0, mostShown).map((each) => (
        <Option key={each.tenantId} value={each.tenantId} text={each.displayName}>
          {each.displayName}
        </Option>
      ))}
      {found.length !== 0 && found.length <= mostShown ? null : (
        <Option disabled text="" className={styles.more}>
          {found.length === 0
            ? t("frame.noTenant")
            : t("frame.typeMore", { count: found.length - mostShown })}
        </Option>
      )}
    </Combobox>
  );
}
