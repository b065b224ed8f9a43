/** What needs a second person: rules over what is done, to how many, and where. They are kept, and replaced, as a whole. */
import { MenuList } from "@fluentui/react-components";
import { AddRegular, PeopleCheckmarkRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../../clients/api.ts";
import { type Reading, useRead } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { Listed } from "../../page/job/listed.tsx";
import { MayButton, MayItem } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { AskWindow } from "../../page/window.tsx";
import { useTenants } from "../scope.ts";
import { rulesScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { RuleWindow, useActionsOf } from "./rule-window.tsx";

const path = "/api/v1/access/approval-rules";
/** All rules as the API has them. */
export type Policy = BodyOf<`GET ${typeof path}`>;
export type Rule = Policy["rules"][number];

/** A rule with its place, which is all that names it. */
type Placed = Rule & { readonly at: string };

const manage = { permission: "approvals.manage" } as const;

export function Page() {
  const t = useText();
  const [{ window, rule: at }, change] = rulesScreen.useSearchState();
  const reading = useRead(`GET ${path}`, {});
  const sending = useSend(`PUT ${path}`);
  const { body, etag } = reading;
  const close = () => change({ window: undefined, rule: undefined }, true);
  const put = async (rules: Policy, read: string | undefined): Promise<unknown> =>
    sending.send({ body: rules, ...(read !== undefined && { ifMatch: read }) });
  const chosen = at === undefined ? undefined : body?.rules[Number(at)];
  const all = { rules: body?.rules ?? [], etag };
  return (
    <PageFrame
      title={t("access.rules")}
      lead={t("access.rulesLead")}
      bar={
        <MayButton {...manage} icon={<AddRegular />} onClick={() => change({ window: "rule" })}>
          {t("access.newRule")}
        </MayButton>
      }
    >
      <Table reading={reading} />
      {body && window === "rule" && (at === undefined || chosen) && (
        <RuleWindow
          key={at}
          all={all}
          at={at === undefined ? undefined : Number(at)}
          sending={sending}
          onPut={put}
          onClose={close}
        />
      )}
      {chosen && window === "remove" && (
        <AskWindow
          title={t("access.removeRule")}
          verb={t("access.remove")}
          sending={sending}
          onDo={() => put({ rules: all.rules.filter((rule) => rule !== chosen) }, etag)}
          onClose={close}
        >
          {t("access.removeRuleWhat")}
        </AskWindow>
      )}
    </PageFrame>
  );
}

function Table({ reading }: { reading: Reading<Policy> }) {
  const rules = reading.body?.rules.map((rule, nth) => ({ ...rule, at: String(nth) }));
  const t = useText();
  const change = rulesScreen.useChangeSearch();
  const actionsOf = useActionsOf();
  const tenants = useTenants();
  const tenantName = (id: string) =>
    tenants.find(({ tenantId }) => tenantId === id)?.displayName ?? id;
  const nameOf = ({ kind, actions }: Placed): string => {
    const known = new Map(actionsOf(kind));
    const names =
      actions === "all"
        ? t("access.allActions")
        : actions.map((id) => known.get(id) ?? id).join(", ");
    return `${t(`access.ruleKind.${kind}`)}: ${names}`;
  };
  return (
    <Listed
      reading={{ ...reading, body: rules }}
      label={t("access.rules")}
      columns={{
        [t("access.what")]: (rule) => (
          <Go to={rulesScreen.at(undefined, { window: "rule", rule: rule.at })}>{nameOf(rule)}</Go>
        ),
        [t("access.scope")]: ({ tenantIds }) =>
          tenantIds === "all" ? t("access.everything") : tenantIds.map(tenantName).join(", "),
        [t("access.moreThan")]: ({ moreThan }) =>
          moreThan === 0 ? t("access.always") : t.number(moreThan),
        [t("access.approvers")]: ({ approvers }) =>
          approvers.map((kind) => t(`access.kind.${kind}`)).join(", "),
      }}
      widths="2fr 1fr 1fr 1fr"
      idOf={({ at }) => at}
      nameOf={nameOf}
      empty={
        <Empty icon={<PeopleCheckmarkRegular />} title={t("access.noRule")}>
          {t("access.noRuleWhy")}
        </Empty>
      }
      renderMenu={({ at: rule }) => (
        <MenuList>
          <MayItem {...manage} onClick={() => change({ window: "rule", rule })}>
            {t("access.change")}
          </MayItem>
          <MayItem {...manage} onClick={() => change({ window: "remove", rule })}>
            {t("access.remove")}
          </MayItem>
        </MenuList>
      )}
    />
  );
}
