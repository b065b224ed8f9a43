/** What waits for a second person, newest first, and what was decided. */
import { PeopleCheckmarkRegular } from "@fluentui/react-icons";
import { useNames } from "../api/names.ts";
import { useReadList } from "../api/read.ts";
import { Choose, Filters } from "../page/filters.tsx";
import { Go, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { type Approval, ApprovalWindow, personWords, useSubjectWords } from "./approval-window.tsx";
import { approvalStates, approvalsScreen } from "./screens.ts";
import { useText } from "./text.ts";

/** The page. */
export function Page() {
  const t = useText();
  const named = useNames();
  const { tenantId } = approvalsScreen.useParams();
  const { state, approval } = approvalsScreen.useSearch();
  const change = approvalsScreen.useChangeSearch();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/approvals",
    { params: { tenantId } },
    { everySeconds: 15 },
  );
  return (
    <PageFrame title={t("access.approvals")} lead={t("access.approvalsLead")}>
      <Filters isFiltered={state !== undefined} onClear={() => change({ state: undefined }, true)}>
        <Choose
          label={t("access.state")}
          value={state}
          values={approvalStates.map((each) => [each, named("approvalStates", each)] as const)}
          onChange={(value) =>
            change({ state: approvalStates.find((each) => each === value) }, true)
          }
        />
      </Filters>
      <Shown reading={reading}>
        {(all) => {
          // The list has no filter of its own: what was read is looked through, to its end.
          const shown = all.filter((each) => state === undefined || each.state === state);
          if (shown.length === 0 && !reading.hasMore)
            return (
              <Empty
                icon={<PeopleCheckmarkRegular />}
                title={t(state === undefined ? "access.noApproval" : "access.noneSuch")}
              >
                {t(state === undefined ? "access.noApprovalWhy" : "access.noneSuchWhy")}
              </Empty>
            );
          return <Table approvals={shown} hasMore={reading.hasMore} readMore={reading.readMore} />;
        }}
      </Shown>
      {approval !== undefined && (
        <ApprovalWindow
          ids={{ tenantId, approvalId: approval }}
          onClose={() => change({ approval: undefined })}
        />
      )}
    </PageFrame>
  );
}

function Table(props: {
  readonly approvals: readonly Approval[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { approvals, hasMore, readMore } = props;
  const t = useText();
  const named = useNames();
  const { dateTime, since } = useFormat();
  const words = useSubjectWords();
  const { state } = approvalsScreen.useSearch();
  const columns = [
    {
      id: "what",
      title: t("access.what"),
      width: "2fr",
      render: ({ tenantId, approvalId, subject }: Approval) => (
        <Go
          to={approvalsScreen.at({ tenantId }, { approval: approvalId, ...(state && { state }) })}
        >
          {words(subject)}
        </Go>
      ),
    },
    {
      id: "state",
      title: t("access.state"),
      render: (each: Approval) => named("approvalStates", each.state),
    },
    {
      id: "by",
      title: t("access.askedBy"),
      render: ({ requestedBy }: Approval) => personWords(requestedBy),
    },
    {
      id: "at",
      title: t("access.at"),
      render: ({ createdAt }: Approval) => dateTime(createdAt),
    },
    {
      id: "end",
      title: t("access.decided"),
      width: "1.4fr",
      render: ({ state: now, decidedBy, decidedAt, expiresAt }: Approval) =>
        now === "pendingApproval"
          ? t("access.expires", { when: since(expiresAt) })
          : [decidedBy && personWords(decidedBy), decidedAt && dateTime(decidedAt)]
              .filter(Boolean)
              .join(", "),
    },
  ];
  return (
    <Rows
      label={t("access.approvals")}
      columns={columns}
      items={approvals}
      idOf={({ approvalId }) => approvalId}
      nameOf={({ subject }) => words(subject)}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
