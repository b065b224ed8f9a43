/** Who may do what: roles, built in and made here, and who holds which one where. */
import { MenuItem, MenuList } from "@fluentui/react-components";
import { AddRegular, KeyRegular } from "@fluentui/react-icons";
import { useRead, useReadList } from "../api/read.ts";
import { Listed } from "../page/job/listed.tsx";
import { Tabs } from "../page/look/tabs.tsx";
import { MayButton, MayItem } from "../page/may-button.tsx";
import { Empty, Go, PageFrame, Shown, useGo } from "../page/page.tsx";
import { Rows } from "../page/rows.tsx";
import { AssignmentWindow, RemoveAssignmentWindow } from "./assignment-window.tsx";
import { RemoveRoleWindow, RoleWindow } from "./role-window.tsx";
import { type Assignment, type Role, roleNameOf, useScopeWords } from "./scope.ts";
import { accessScreen, whyScreen } from "./screens.ts";
import { useText } from "./text.ts";

export function Page() {
  const t = useText();
  const [{ tab, window: open, role, assignment }, change] = accessScreen.useSearchState();
  const roles = useRead("GET /api/v1/access/roles", {});
  const close = () => change({ window: undefined, role: undefined, assignment: undefined }, true);
  const all = roles.body?.value ?? [];
  const isAssignments = tab === "assignments";
  return (
    <PageFrame
      title={t("access.title")}
      above={<Go to={whyScreen.at()}>{t("access.why")}</Go>}
      bar={
        <MayButton
          icon={<AddRegular />}
          permission="access.manage"
          onClick={() => change({ window: isAssignments ? "assignment" : "role" })}
        >
          {t(isAssignments ? "access.newAssignment" : "access.newRole")}
        </MayButton>
      }
    >
      <Tabs
        value={tab ?? "roles"}
        values={(["roles", "assignments"] as const).map((each) => [each, t(`access.${each}`)])}
        onChange={(value) => change({ tab: value === "roles" ? undefined : value }, true)}
      />
      {isAssignments ? (
        <Assignments roles={all} />
      ) : (
        <Shown reading={roles}>{({ value }) => <Roles roles={value} />}</Shown>
      )}
      {open === "role" && roles.body && <RoleWindow roleId={role} onClose={close} />}
      {open === "removeRole" && role !== undefined && (
        <RemoveRoleWindow roleId={role} onClose={close} />
      )}
      {open === "assignment" && roles.body && (
        <AssignmentWindow assignmentId={assignment} roles={all} onClose={close} />
      )}
      {open === "removeAssignment" && assignment !== undefined && (
        <RemoveAssignmentWindow assignmentId={assignment} roles={all} onClose={close} />
      )}
    </PageFrame>
  );
}

function Roles({ roles }: { roles: readonly Role[] }) {
  const t = useText();
  const change = accessScreen.useChangeSearch();
  return (
    <Rows
      label={t("access.roles")}
      columns={{
        [t("access.role")]: (each) => (
          <Go to={accessScreen.at(undefined, { window: "role", role: each.roleId })}>
            {roleNameOf(each, t)}
          </Go>
        ),
        [t("access.kind")]: ({ builtIn }) => t(builtIn ? "access.builtIn" : "access.custom"),
        [t("access.permissions")]: ({ permissions }) => t.number(permissions.length),
        [t("access.description")]: ({ description }) => t.said(description),
      }}
      widths="1fr 1fr 1fr 2fr"
      items={roles}
      idOf={({ roleId }) => roleId}
      nameOf={(each) => roleNameOf(each, t)}
      renderMenu={({ roleId: role, builtIn }) => (
        <MenuList>
          <MenuItem onClick={() => change({ window: "role", role })}>{t("access.look")}</MenuItem>
          <MayItem
            permission="access.manage"
            why={builtIn ? t("access.builtInStays") : undefined}
            onClick={() => change({ window: "removeRole", role })}
          >
            {t("access.remove")}
          </MayItem>
        </MenuList>
      )}
    />
  );
}

function Assignments({ roles }: { roles: readonly Role[] }) {
  const t = useText();
  const reading = useReadList("GET /api/v1/access/assignments", {}, { everySeconds: 30 });
  const scopeWords = useScopeWords();
  const named = (roleId: string) => {
    const role = roles.find((each) => each.roleId === roleId);
    return role === undefined ? roleId : roleNameOf(role, t);
  };
  const who = ({ principal: { kind, id } }: Assignment) => `${t(`access.kind.${kind}`)} ${id}`;
  return (
    <Listed
      reading={reading}
      label={t("access.assignments")}
      idOf={({ assignmentId }) => assignmentId}
      nameOf={(each) => `${who(each)}, ${named(each.roleId)}`}
      columns={{
        [t("access.principal")]: who,
        [t("access.role")]: ({ roleId }) => named(roleId),
        [t("access.scope")]: ({ scope }) => scopeWords(scope),
        [t("access.note")]: ({ note }) => note,
        [t("access.changed")]: ({ updatedAt }) => t.dateTime(updatedAt),
      }}
      widths="1.5fr 1fr 1fr 1fr 1fr"
      renderMenu={(each) => <AssignmentMenu of={each} />}
      empty={
        <Empty icon={<KeyRegular />} title={t("access.noAssignment")}>
          {t("access.noAssignmentWhy")}
        </Empty>
      }
    />
  );
}

function AssignmentMenu({ of }: { of: Assignment }) {
  const t = useText();
  const go = useGo();
  const change = accessScreen.useChangeSearch();
  const { assignmentId, principal } = of;
  const { kind, homeTenantId, id } = principal;
  const why = kind === "bootstrap" ? t("access.bySetting") : undefined;
  const takes = { permission: "access.manage", why } as const;
  const open = (window: "assignment" | "removeAssignment") => () =>
    change({ window, assignment: assignmentId });
  const search = { principal: `${kind}:${homeTenantId}:${id}` };
  return (
    <MenuList>
      <MayItem {...takes} onClick={open("assignment")}>
        {t("access.change")}
      </MayItem>
      <MayItem {...takes} onClick={open("removeAssignment")}>
        {t("access.remove")}
      </MayItem>
      {kind !== "bootstrap" && (
        <MenuItem onClick={() => go(whyScreen.at(undefined, search))}>{t("access.why")}</MenuItem>
      )}
    </MenuList>
  );
}
