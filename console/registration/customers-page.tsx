/** Customers of the partner: what ties each to it, which routes into Autopilot that opens, and what is missing. */
import {
  Badge,
  Button,
  MenuItem,
  MenuList,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { KeyRegular, PeopleTeamRegular } from "@fluentui/react-icons";
import { useRouter } from "@tanstack/react-router";
import { useMay } from "../api/me.ts";
import { useRead, useReadList } from "../api/read.ts";
import { Go, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { CustomerWindow, Route, Tie } from "./customer.tsx";
import { SignInWindow } from "./partner-sign-in.tsx";

import {
  addDevicesScreen,
  customersScreen,
  partnerRoutes,
  registrationListScreen,
} from "./screens.ts";
import { type Customer, useText } from "./text.ts";

const useStyles = makeStyles({
  routes: {
    margin: 0,
    padding: 0,
    listStyleType: "none",
    display: "grid",
    gap: tokens.spacingVerticalXS,
  },
});

/** The page. */
export function Page() {
  const t = useText();
  const { window: open, customer } = customersScreen.useSearch();
  const change = customersScreen.useChangeSearch();
  const reading = useReadList("GET /api/v1/customers", { query: { top: 50 } });
  const close = () => change({ window: undefined, customer: undefined }, true);
  const shown = reading.body?.find(({ tenantId }) => tenantId === customer);
  return (
    <PageFrame title={t("registration.customers")} lead={t("registration.customersWhat")}>
      <Partner />
      <Shown reading={reading}>
        {(customers) =>
          customers.length === 0 && !reading.hasMore ? (
            <Empty icon={<PeopleTeamRegular />} title={t("registration.noCustomer")}>
              {t("registration.noCustomerWhy")}
            </Empty>
          ) : (
            <Table customers={customers} {...reading} />
          )
        }
      </Shown>
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
    <MessageBar intent={isMissing ? "warning" : "info"} layout="multiline">
      <MessageBarBody data-partner={partnerCenter}>
        {t("registration.partner", { kind: t(`registration.kind.${partnerKind}`) })}{" "}
        {t(`registration.account.${partnerCenter}`, { account })}
      </MessageBarBody>
      {partnerCenter !== "off" && (
        <MessageBarActions>
          <Button icon={<KeyRegular />} onClick={() => change({ window: "signIn" })}>
            {t("registration.signIn")}
          </Button>
        </MessageBarActions>
      )}
    </MessageBar>
  );
}

function Table(props: {
  readonly customers: readonly Customer[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { customers, hasMore, readMore } = props;
  const t = useText();
  const styles = useStyles();
  const { since } = useFormat();
  const columns = [
    {
      id: "customer",
      title: t("registration.customer"),
      render: ({ tenantId, displayName, partnerKind }: Customer) => (
        <>
          <Go to={customersScreen.at(undefined, { customer: tenantId })}>{displayName}</Go>{" "}
          <Badge appearance="outline" color="informative">
            {t(`registration.kind.${partnerKind}`)}
          </Badge>
        </>
      ),
    },
    {
      id: "tie",
      title: t("registration.relationship"),
      render: (customer: Customer) => <Tie customer={customer} />,
    },
    {
      id: "routes",
      title: t("registration.routes"),
      width: "2fr",
      render: ({ routes }: Customer) => (
        <ul className={styles.routes}>
          {partnerRoutes.map((route) => (
            <Route key={route} route={route} verdict={routes[route]} />
          ))}
        </ul>
      ),
    },
    {
      id: "checked",
      title: t("registration.checked"),
      width: "0.6fr",
      render: ({ relationship: { checkedAt } }: Customer) =>
        checkedAt === undefined ? t("registration.never") : since(checkedAt),
    },
  ];
  return (
    <Rows
      label={t("registration.customers")}
      columns={columns}
      items={customers}
      idOf={({ tenantId }) => tenantId}
      nameOf={({ displayName }) => displayName}
      hasMore={hasMore}
      readMore={readMore}
      renderMenu={({ tenantId }) => <RowMenu tenantId={tenantId} />}
    />
  );
}

function RowMenu({ tenantId }: { readonly tenantId: string }) {
  const t = useText();
  const may = useMay();
  const router = useRouter();
  const go = (to: object) => void router.navigate(to as never);
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
