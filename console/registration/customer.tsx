/** What ties a customer to the partner, and which routes that opens: shown, read anew, and noted where it can be read nowhere. */
import { Button, makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import { CheckmarkCircleRegular, DismissCircleRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { CallInput } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { CopyButton } from "../page/copy-button.tsx";
import { CallButton } from "../page/job/call.tsx";
import { Quiet } from "../page/job/listed.tsx";
import { Line } from "../page/look/line.tsx";
import { Go } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { SelectField, TextField, useHeld } from "../page/values/fields.tsx";
import { Window } from "../page/window.tsx";
import { addDevicesScreen, partnerRoutes } from "./screens.ts";
import { type Customer, useText } from "./text.ts";

const change = "PUT /api/v1/customers/{tenantId}";
type Kind = NonNullable<CallInput<typeof change>["body"]["partnerKind"]>;
const kinds = ["direct", "indirectProvider", "indirectReseller", "oem", "customer"] as const;

const useStyles = makeStyles({
  list: {
    margin: 0,
    padding: 0,
    listStyleType: "none",
    display: "grid",
    gap: tokens.spacingVerticalS,
  },
  route: {
    display: "flex",
    gap: tokens.spacingHorizontalS,
    "& svg": { flexShrink: 0, marginTop: "2px" },
  },
  open: { color: tokens.colorStatusSuccessForeground1 },
  closed: { color: tokens.colorStatusDangerForeground1 },
  wide: { flexGrow: 1, minWidth: "min(260px, 100%)" },
});

/** A route: open, and on the strength of what; or what is missing, and how to get it. */
function Route(props: {
  route: (typeof partnerRoutes)[number];
  verdict: Customer["routes"]["graph"];
}) {
  const { route, verdict } = props;
  const t = useText();
  const styles = useStyles();
  const { allowed, proof, missing, remedy } = verdict;
  return (
    <li className={styles.route} data-route={route} data-allowed={allowed}>
      {allowed ? (
        <CheckmarkCircleRegular className={styles.open} />
      ) : (
        <DismissCircleRegular className={styles.closed} />
      )}
      <span>
        {t(allowed ? "registration.open" : "registration.closed", {
          route: t(`registration.route.${route}`),
        })}
        <Quiet>{t.said(allowed ? proof : missing)}</Quiet>
        {!allowed && <Quiet>{t("registration.remedy", { remedy: t.said(remedy) })}</Quiet>}
      </span>
    </li>
  );
}

/** Routes into Autopilot. */
export const RouteList = ({ of }: { of: Partial<Customer["routes"]> }) => (
  <ul className={useStyles().list}>
    {partnerRoutes.map(
      (route) => of[route] && <Route key={route} route={route} verdict={of[route]} />,
    )}
  </ul>
);

/** Relationship and consent, as they were read last. */
export function Tie({ customer }: { customer: Customer }) {
  const t = useText();
  const { reseller, delegation, consent, oemConsent, problems } = customer.relationship;
  const ends = delegation?.endsAt;
  const facts = [
    reseller !== undefined && t("registration.reseller", { word: reseller }),
    delegation && t("registration.delegation", { word: delegation.status }),
    ends !== undefined && t("registration.ends", { at: t.dateTime(ends) }),
    consent && t("registration.consent", { count: consent.length }),
    oemConsent && t("registration.oemConsent", { at: t.dateTime(oemConsent.acceptedAt) }),
  ].filter((fact): fact is string => typeof fact === "string");
  return (
    <>
      {(facts.length === 0 ? [t("registration.nothingKnown")] : facts).map((fact) => (
        <div key={fact}>{fact}</div>
      ))}
      {problems.map((problem) => (
        <Quiet key={problem}>{t.said(problem)}</Quiet>
      ))}
    </>
  );
}

/** Reads anew what ties a customer to the partner; where nothing does, with the link by which it can. */
export function CheckButton(props: {
  tenantId: string;
  onLink?: (link: string | undefined) => void;
}) {
  const { tenantId, onLink } = props;
  const t = useText();
  return (
    <CallButton
      appearance="secondary"
      permission="relationships.manage"
      tenantId={tenantId}
      call="POST /api/v1/customers/{tenantId}/check"
      given={{ params: { tenantId } }}
      onDone={({ body }) => {
        onLink?.(body.relationshipLink);
        announce(t("registration.checkedNow"));
      }}
    >
      {t("registration.check")}
    </CallButton>
  );
}

export function CustomerWindow({ customer, onClose }: { customer: Customer; onClose: () => void }) {
  const { tenantId, displayName } = customer;
  const t = useText();
  const may = useMay();
  const styles = useStyles();
  const [link, setLink] = useState<string | undefined>(undefined);
  return (
    <Window
      title={t("registration.relationshipOf", { name: displayName })}
      onClose={onClose}
      wide
      actions={
        <>
          <CheckButton tenantId={tenantId} onLink={setLink} />
          {may("registration.submit", tenantId) && (
            <Go to={addDevicesScreen.at({ tenantId })}>{t("registration.add")}</Go>
          )}
        </>
      }
    >
      <div>
        <Tie customer={customer} />
      </div>
      <RouteList of={customer.routes} />
      {link !== undefined && (
        <Line align="end">
          <TextField
            label={t("registration.link")}
            hint={t("registration.linkWhat")}
            className={styles.wide}
            value={link}
            readOnly
            onChange={setLink}
          />
          <CopyButton text={() => link} label={t("registration.copyLink")} />
        </Line>
      )}
      {may("relationships.manage", tenantId) && (
        <Noted key={customer.relationship.oemConsent?.link} customer={customer} />
      )}
    </Window>
  );
}

/** What is noted by hand: another kind of partner, and the consent that an OEM got by its link. */
function Noted({ customer }: { customer: Customer }) {
  const { tenantId, partnerKind, relationship } = customer;
  const t = useText();
  const styles = useStyles();
  const sending = useSend(change);
  const kind = useHeld<Kind>(partnerKind);
  const link = useHeld(relationship.oemConsent?.link ?? "");
  const day = useHeld(relationship.oemConsent?.acceptedAt.slice(0, 10) ?? "");
  const save = async () => {
    const oemConsent =
      day.value === "" ? null : { link: link.value, acceptedAt: `${day.value}T00:00:00Z` };
    const saved = await sending.send({
      params: { tenantId },
      body: { partnerKind: kind.value, oemConsent },
    });
    if (saved !== undefined) announce(t("registration.saved"));
  };
  return (
    <>
      <Subtitle2 as="h3">{t("registration.noted")}</Subtitle2>
      <SelectField
        label={t("registration.kindOf")}
        values={kinds.map((each) => [each, t(`registration.kind.${each}`)] as const)}
        {...kind}
      />
      {kind.value === "oem" && (
        <>
          <div>{t("registration.oemWhat")}</div>
          <Line align="end">
            <TextField
              label={t("registration.oemLink")}
              className={styles.wide}
              type="url"
              {...link}
              maxLength={500}
            />
            <CopyButton text={() => link.value} label={t("registration.copyLink")} />
          </Line>
          <TextField label={t("registration.oemAccepted")} type="date" {...day} />
        </>
      )}
      <div>
        <Button
          disabledFocusable={
            sending.isSending ||
            (kind.value === "oem" && (link.value === "") !== (day.value === ""))
          }
          onClick={() => void save()}
        >
          {t("registration.save")}
        </Button>
      </div>
      {sending.problem && <ProblemView problem={sending.problem} />}
    </>
  );
}
