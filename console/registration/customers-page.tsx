/** Customers of the partner: what ties each to it, which routes into Autopilot that opens, and what is missing. */
import { Badge, Button, MenuItem, MenuList } from "@fluentui/react-components";
import { KeyRegular, PeopleTeamRegular } from "@fluentui/react-icons";
import { useMay } from "../api/me.ts";
import { useRead, useReadList } from "../api/read.ts";
import { Listed } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { Empty, Go, PageFrame, useGo } from "../page/page.tsx";
import { CustomerWindow, RouteList, Tie } from "./customer.tsx";
import { SignInWindow } from "./partner-sign-in.tsx";
import { addDevicesScreen, customersScreen, registrationListScreen } from "./screens.ts";
import { useText } from "./text.ts";

export function Page() {
  const t = useText();
  const [{ window: open, customer }, change] = customersScreen.useSearchState();
  const reading = useReadList("GET /api/v1/customers", { query: { top: 50 } });
  const close = () => change({ window: undefined, customer: undefined }, true);
  const shown = reading.body?.find(({ tenantId }) => tenantId === customer);
  return (
    <PageFrame title={t("registration.customers")} lead={t("registration.customersWhat")}>
      <Partner />
      <Listed
        reading={reading}
        label={t("registration.customers")}
        idOf={({ tenantId }) => tenantId}
        nameOf={({ displayName }) => displayName}
        columns={{
          [t("registration.customer")]: ({ tenantId, displayName, partnerKind }) => (
            <>
              <Go to={customersScreen.at(undefined, { customer: tenantId })}>{displayName}</Go>{" "}
              <Badge appearance="outline" color="informative">
                {t(`registration.kind.${partnerKind}`)}
              </Badge>
            </>
          ),
          [t("registration.relationship")]: (each) => <Tie customer={each} />,
          [t("registration.routes")]: ({ routes }) => <RouteList of={routes} />,
          [t("registration.checked")]: ({ relationship: { checkedAt } }) =>
            checkedAt === undefined ? t("registration.never") : t.since(checkedAt),
        }}
        widths="1fr 1fr 2fr 0.6fr"
        renderMenu={({ tenantId }) => <RowMenu tenantId={tenantId} />}
        empty={
          <Empty icon={<PeopleTeamRegular />} title={t("registration.noCustomer")}>
            {t("registration.noCustomerWhy")}
          </Empty>
        }
      />
      {shown && <CustomerWindow customer={shown} onClose={close} />}
      {open === "signIn" && <SignInWindow onClose={close} />}
    </PageFrame>
  );
}

/** How the partner itself stands at Partner Center; for whoever looks after it. */
function Partner() {
  const t = useText();
  const may = useMay();
  const change = customersScreen.useChangeSearch();
  // The partner is no tenant: it takes the permission everywhere, which is what a scope without this one does not reach.
  const mayRead = may("relationships.manage", "everywhere");
  const { body } = useRead("GET /api/v1/partner", {}, { enabled: mayRead });
  if (body === undefined || body.partnerKind === "customer") return null;
  const { partnerKind, partnerCenter, account = "" } = body;
  const isMissing = partnerCenter === "notSignedIn" || partnerCenter === "noMfa";
  return (
    <Note
      intent={isMissing ? "warning" : "info"}
      data-partner={partnerCenter}
      actions={
        partnerCenter !== "off" && (
          <Button icon={<KeyRegular />} onClick={() => change({ window: "signIn" })}>
            {t("registration.signIn")}
          </Button>
        )
      }
    >
      {t("registration.partner", { kind: t(`registration.kind.${partnerKind}`) })}{" "}
      {t(`registration.account.${partnerCenter}`, { account })}
    </Note>
  );
}

function RowMenu({ tenantId }: { tenantId: string }) {
  const t = useText();
  const may = useMay();
  const go = useGo();
  return (
    <MenuList>
      <MenuItem
        disabled={!may("registration.submit", tenantId)}
        onClick={() => go(addDevicesScreen.at({ tenantId }))}
      >
        {t("registration.add")}
      </MenuItem>
      <MenuItem
        disabled={!may("registration.read", tenantId)}
        onClick={() => go(registrationListScreen.at({ tenantId }))}
      >
        {t("registration.title")}
      </MenuItem>
      <MenuItem onClick={() => go(customersScreen.at(undefined, { customer: tenantId }))}>
        {t("registration.relationshipOpen")}
      </MenuItem>
    </MenuList>
  );
}
