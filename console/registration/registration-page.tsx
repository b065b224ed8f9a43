/** A registration: its sum, and what became of each device; cancelled, repeated and looked at again from here. */
import {
  ArrowClockwiseRegular,
  ArrowRepeatAllRegular,
  DismissCircleRegular,
} from "@fluentui/react-icons";
import { useEffect } from "react";
import type { ItemOf } from "../../clients/api.ts";
import { useRead, useReadList } from "../api/read.ts";
import { colours } from "../notifications/counts.tsx";
import { Choose, Filters } from "../page/filters.tsx";
import { Rest } from "../page/job/bar.tsx";
import { CallButton } from "../page/job/call.tsx";
import { JobHead } from "../page/job/job.tsx";
import { Listed, personOf, Quiet } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { Empty, Go, PageFrame, Shown, useGo } from "../page/page.tsx";
import { Download } from "../page/save-file.tsx";
import { StackedBar } from "../page/stacked-bar.tsx";
import { outcomes, registrationListScreen, registrationScreen } from "./screens.ts";
import { type Registration, sentenceOf, useText } from "./text.ts";

const one = "/api/v1/tenants/{tenantId}/registrations/{registrationId}";
const devicesOf = `GET ${one}/devices` as const;
type Device = ItemOf<typeof devicesOf>;

/** Parts of the bar, with the colours that notifications have for the same. */
const parts = [
  ["registered", colours.done],
  ["failed", colours.failed],
  ["unknown", colours.unknown],
  ["cancelled", colours.cancelled],
  ["notSubmitted", colours.notSupported],
  ["submitted", colours.sent],
  ["waiting", colours.waiting],
] as const;

export function Page() {
  const t = useText();
  const params = registrationScreen.useParams();
  const reading = useRead(`GET ${one}`, { params }, { atMostSeconds: 3 });
  return (
    <PageFrame
      title={t("registration.one")}
      above={
        <Go to={registrationListScreen.at({ tenantId: params.tenantId })}>
          {t("registration.title")}
        </Go>
      }
      bar={reading.body && <Commands registration={reading.body} />}
    >
      <Shown reading={reading}>{(registration) => <Content registration={registration} />}</Shown>
    </PageFrame>
  );
}

function Content({ registration }: { registration: Registration }) {
  const { failure, counts, final, tenantId, retryOf } = registration;
  const t = useText();
  const sentence = sentenceOf(registration, t);
  return (
    <>
      <JobHead
        {...registration}
        sentence={sentence}
        failure={failure}
        share={0}
        word={t.named("registrationStates", registration.state)}
      >
        <span>{t(`registration.route.${registration.backEnd}`)}</span>
        <span>
          {t("registration.handedIn", {
            at: t.dateTime(registration.createdAt),
            by: personOf(registration.requestedBy),
          })}
        </span>
        {registration.defaultTag !== undefined && (
          <span>{t("registration.defaultTag", { tag: registration.defaultTag })}</span>
        )}
        {retryOf !== undefined && (
          <Go to={registrationScreen.at({ tenantId, registrationId: retryOf })}>
            {t("registration.retryOf")}
          </Go>
        )}
      </JobHead>
      <StackedBar
        words={sentence}
        parts={parts.map(([id, colour]) => ({ id, colour, count: counts[id] }))}
      />
      {final && counts.unknown > 0 && <Note intent="warning">{t("registration.unknownWhat")}</Note>}
      <Devices registration={registration} />
    </>
  );
}

function Commands({ registration }: { registration: Registration }) {
  const { tenantId, registrationId, final, counts, state } = registration;
  const t = useText();
  const go = useGo();
  const given = { params: { tenantId, registrationId } };
  const needs = { permission: "registration.submit" } as const;
  return (
    <>
      {!final && (
        <CallButton
          {...needs}
          icon={<DismissCircleRegular />}
          isBusy={state === "cancelling"}
          call={`POST ${one}/cancel`}
          given={given}
        >
          {t("registration.cancel")}
        </CallButton>
      )}
      <Rest
        state={state}
        runs={["submitting", "polling"]}
        given={given}
        pause={`POST ${one}/pause`}
        resume={`POST ${one}/resume`}
        takes={needs}
      />
      {final && counts.failed > 0 && (
        <CallButton
          {...needs}
          icon={<ArrowRepeatAllRegular />}
          call={`POST ${one}/retry`}
          given={given}
          onDone={({ body }) =>
            go(registrationScreen.at({ tenantId, registrationId: body.registrationId }))
          }
        >
          {t("registration.retry", { count: counts.failed })}
        </CallButton>
      )}
      {counts.unknown > 0 && (
        <CallButton
          {...needs}
          icon={<ArrowClockwiseRegular />}
          call={`POST ${one}/refresh`}
          given={given}
        >
          {t("registration.refresh", { count: counts.unknown })}
        </CallButton>
      )}
      <Download
        call={devicesOf}
        type="text/csv"
        given={given}
        name={`registration-${registrationId}.csv`}
      >
        {t("registration.csv")}
      </Download>
    </>
  );
}

/** The devices of the list, those with one outcome where the address says so. */
function Devices({ registration }: { registration: Registration }) {
  const { tenantId, registrationId, final } = registration;
  const t = useText();
  const { outcome } = registrationScreen.useSearch();
  const filter = registrationScreen.useFilters(["outcome"]);
  const reading = useReadList(
    devicesOf,
    { params: { tenantId, registrationId }, query: { outcome, top: 1000 } },
    final ? {} : { everySeconds: 5 },
  );
  const { again } = reading;
  // The end is read once more: the last outcomes came with it.
  // oxlint-disable-next-line react/exhaustive-deps -- at the end, and at nothing else
  useEffect(again, [final]);
  return (
    <section aria-label={t("registration.devices")}>
      <Filters {...filter.all}>
        <Choose
          label={t("registration.outcome")}
          {...filter.of("outcome")}
          values={outcomes.map((each) => [each, t.named("deviceOutcomes", each)])}
        />
      </Filters>
      <Listed
        reading={reading}
        label={t("registration.devices")}
        idOf={({ part, row }) => `${part}-${row}`}
        nameOf={({ serialNumber, row }) => serialNumber ?? String(row)}
        columns={{
          [t("registration.row")]: ({ part, row }) => (part > 1 ? `${part}.${row}` : row),
          [t("registration.serial")]: ({ serialNumber }) => serialNumber,
          [t("registration.tag")]: ({ groupTag }) => groupTag,
          [t("registration.outcome")]: (each) => (
            <span data-outcome={each.outcome}>{t.named("deviceOutcomes", each.outcome)}</span>
          ),
          [t("registration.reason")]: (each) => <Why of={each} />,
          [t("registration.at")]: ({ at }) => t.dateTime(at),
        }}
        widths="0.4fr 1fr 1fr 1fr 2fr 1fr"
        empty={<Empty title={t("registration.noDevice")} />}
      />
    </section>
  );
}

/** Muster's words, and the service's own. */
function Why({ of: { detail, serviceCode, serviceError } }: { of: Device }) {
  return (
    <>
      {useText().said(detail)}
      {serviceError !== undefined && <Quiet>{`${serviceCode ?? ""} ${serviceError}`.trim()}</Quiet>}
    </>
  );
}
