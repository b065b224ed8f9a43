/** Who did what: filtered by what the address says, newest first; an event opens with what was before and after. */
import { HistoryRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../clients/api.ts";
import { useReadList } from "../api/read.ts";
import { Choose, Filters, Typed } from "../page/filters.tsx";
import { Listed } from "../page/job/listed.tsx";
import { Code, Empty, Facts, Go, PageFrame } from "../page/page.tsx";
import { Download } from "../page/save-file.tsx";
import { Window } from "../page/window.tsx";
import { useTenants } from "./scope.ts";
import { auditOutcomes, auditScreen } from "./screens.ts";
import { type Text, useText } from "./text.ts";

const everywhere = "GET /api/v1/audit";
const ofTenant = "GET /api/v1/tenants/{tenantId}/audit";
type Event = BodyOf<typeof everywhere>["value"][number];

type Said = ReturnType<typeof auditScreen.useSearch>;
const filterNames = ["trail", "actor", "object", "operation", "outcome", "from", "to"] as const;
const isDay = (text: string | undefined): text is string => /^\d{4}-\d\d-\d\d$/.test(text ?? "");

/** What the address says, as the API takes it: of days both are included, in UTC as the trail has them. */
function queryOf({ actor, object, operation, outcome, from, to }: Said) {
  const end = isDay(to) ? new Date(Date.parse(to) + 86_400_000) : undefined;
  return {
    actor,
    object,
    operation,
    outcome,
    from: isDay(from) ? `${from}T00:00:00Z` : undefined,
    to: end && !Number.isNaN(end.getTime()) ? end.toISOString() : undefined,
  };
}

/** The trail that is asked for: of one tenant, or of all that is about none, or all. */
function useTrail(said: Said) {
  const { trail } = said;
  const query = queryOf(said);
  const isOfTenant = trail !== undefined && trail !== "all";
  const wide = { query: { ...query, trails: trail === "all" ? "all" : "platform" } } as const;
  const narrow = { params: { tenantId: trail ?? "" }, query };
  const all = useReadList(everywhere, wide, { enabled: !isOfTenant });
  const own = useReadList(ofTenant, narrow, { enabled: isOfTenant });
  const type = "text/csv" as const;
  return isOfTenant
    ? { reading: own, file: { call: ofTenant, type, given: narrow } as const }
    : { reading: all, file: { call: everywhere, type, given: wide } as const };
}

export function Page() {
  const t = useText();
  const [said, change] = auditScreen.useSearchState();
  const { reading, file } = useTrail(said);
  const opened = (eventId: string) => auditScreen.at(undefined, { ...said, event: eventId });
  const event = reading.body?.find(({ eventId }) => eventId === said.event);
  return (
    <PageFrame
      title={t("access.audit")}
      bar={
        <Download {...file} name="muster-audit.csv">
          {t("access.csv")}
        </Download>
      }
    >
      <Fields />
      <Listed
        reading={reading}
        label={t("access.audit")}
        idOf={({ eventId }) => eventId}
        nameOf={({ operation, at }) => `${operation}, ${t.dateTime(at)}`}
        columns={{
          [t("access.at")]: ({ at, eventId }) => <Go to={opened(eventId)}>{t.dateTime(at)}</Go>,
          [t("access.who")]: actorWords,
          [t("access.operation")]: ({ operation }) => operation,
          [t("access.object")]: ({ object = "" }) => object,
          [t("access.outcome")]: (each) => outcomeOf(each, t),
        }}
        widths="1fr 1fr 1fr 1.5fr 1fr"
        empty={
          <Empty icon={<HistoryRegular />} title={t("access.noEvent")}>
            {t("access.noneSuchWhy")}
          </Empty>
        }
      />
      {event && <EventWindow event={event} onClose={() => change({ event: undefined }, true)} />}
    </PageFrame>
  );
}

function Fields() {
  const t = useText();
  const filter = auditScreen.useFilters(filterNames);
  const trails = [
    ["all", t("access.everyTrail")] as const,
    ...useTenants().map((each) => [each.tenantId, each.displayName] as const),
  ];
  return (
    <Filters {...filter.all}>
      <Choose
        label={t("access.trail")}
        {...filter.of("trail")}
        values={trails}
        any={t("access.platformTrail")}
      />
      <Choose
        label={t("access.outcome")}
        {...filter.of("outcome")}
        values={auditOutcomes.map((each) => [each, t.named("auditOutcomes", each)] as const)}
      />
      <Typed label={t("access.operation")} {...filter.of("operation")} />
      <Typed label={t("access.actor")} {...filter.of("actor")} />
      <Typed label={t("access.object")} {...filter.of("object")} isSearch />
      <Typed label={t("access.from")} {...filter.of("from")} isDay />
      <Typed label={t("access.to")} {...filter.of("to")} isDay />
    </Filters>
  );
}

const actorWords = ({ actor: { kind, id, name } }: Event): string =>
  name ?? [kind, id].filter(Boolean).join(" ");

/** What came of it, and at which step it was refused. */
const outcomeOf = ({ outcome, step }: Event, t: Text): string =>
  [t.named("auditOutcomes", outcome), step].filter(Boolean).join(": ");

function EventWindow({ event, onClose }: { event: Event; onClose: () => void }) {
  const t = useText();
  const { actor } = event;
  return (
    <Window title={event.operation} onClose={onClose} wide>
      <Facts
        of={{
          [t("access.at")]: t.dateTime(event.at),
          [t("access.who")]: actorWords(event),
          [t("access.actor")]: actor.id,
          [t("access.ip")]: event.ip,
          [t("access.object")]: event.object,
          [t("access.outcome")]: outcomeOf(event, t),
          [t("access.secondPerson")]: event.approver,
          [t("access.before")]: event.before !== undefined && <Code of={event.before} />,
          [t("access.after")]: event.after !== undefined && <Code of={event.after} />,
          [t("problem.request")]: event.requestId,
        }}
      />
    </Window>
  );
}
