/** What waits for a second person, newest first, and what was decided. */
import { PeopleCheckmarkRegular } from "@fluentui/react-icons";
import { useReadList } from "../api/read.ts";
import { Choose, Filters } from "../page/filters.tsx";
import { Listed } from "../page/job/listed.tsx";
import { Empty, Go, PageFrame } from "../page/page.tsx";
import { type Approval, ApprovalWindow, personWords, subjectWords } from "./approval-window.tsx";
import { approvalStates, approvalsScreen } from "./screens.ts";
import { useText } from "./text.ts";

export function Page() {
  const t = useText();
  const { tenantId } = approvalsScreen.useParams();
  const [{ state, approval }, change] = approvalsScreen.useSearchState();
  const filter = approvalsScreen.useFilters(["state"]);
  const opened = (approvalId: string) =>
    approvalsScreen.at({ tenantId }, { approval: approvalId, ...(state && { state }) });
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/approvals",
    { params: { tenantId } },
    { everySeconds: 15 },
  );
  return (
    <PageFrame title={t("access.approvals")} lead={t("access.approvalsLead")}>
      <Filters {...filter.all}>
        <Choose
          label={t("access.state")}
          {...filter.of("state")}
          values={approvalStates.map((each) => [each, t.named("approvalStates", each)] as const)}
        />
      </Filters>
      <Listed
        reading={reading}
        label={t("access.approvals")}
        idOf={({ approvalId }) => approvalId}
        nameOf={({ subject }) => subjectWords(subject, t)}
        // The list has no filter of its own: what was read is looked through, to its end.
        keeps={(each) => state === undefined || each.state === state}
        columns={{
          [t("access.what")]: ({ approvalId, subject }) => (
            <Go to={opened(approvalId)}>{subjectWords(subject, t)}</Go>
          ),
          [t("access.state")]: (each) => t.named("approvalStates", each.state),
          [t("access.askedBy")]: ({ requestedBy }) => personWords(requestedBy),
          [t("access.at")]: ({ createdAt }) => t.dateTime(createdAt),
          [t("access.decided")]: (each) => <End of={each} />,
        }}
        widths="2fr 1fr 1fr 1fr 1.4fr"
        empty={
          <Empty
            icon={<PeopleCheckmarkRegular />}
            title={t(state === undefined ? "access.noApproval" : "access.noneSuch")}
          >
            {t(state === undefined ? "access.noApprovalWhy" : "access.noneSuchWhy")}
          </Empty>
        }
      />
      {approval !== undefined && (
        <ApprovalWindow
          ids={{ tenantId, approvalId: approval }}
          onClose={() => change({ approval: undefined })}
        />
      )}
    </PageFrame>
  );
}

/** Who decided and when, or until when somebody may. */
function End({ of: { state, decidedBy, decidedAt, expiresAt } }: { of: Approval }) {
  const t = useText();
  if (state === "pendingApproval") return t("access.expires", { when: t.since(expiresAt) });
  return [decidedBy && personWords(decidedBy), decidedAt && t.dateTime(decidedAt)]
    .filter(Boolean)
    .join(", ");
}
