/** Gives a role to somebody for a part of everything, changes that, and takes it away. */
import { useState } from "react";
import { useMe } from "../api/me.ts";
import { useRead, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { CallWindow } from "../page/job/call-window.tsx";
import { Waiting } from "../page/page-state.tsx";
import { CheckField, SelectField, TextField } from "../page/values/fields.tsx";
import { AskWindow } from "../page/window.tsx";
import {
  type Assignment,
  type Role,
  type Scope,
  useRoleName,
  useScopeWords,
  useTenants,
} from "./scope.ts";
import { useText } from "./text.ts";

const one = "/api/v1/access/assignments/{assignmentId}";
const kinds = ["user", "group", "app"] as const;
const scopeKinds = ["everything", "tenants", "collections"] as const;
const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

type Roles = { readonly roles: readonly Role[]; readonly onClose: () => void };
type Body = {
  readonly principal: { kind: (typeof kinds)[number]; homeTenantId: string; id: string };
  readonly roleId: string;
  readonly scope: Scope;
  readonly note: string;
};

/** The window; without an id it gives a new one. */
export function AssignmentWindow(props: Roles & { readonly assignmentId: string | undefined }) {
  const { assignmentId = "", ...rest } = props;
  const { body: me } = useMe();
  const isNew = assignmentId === "";
  const { body, etag } = useRead(`GET ${one}`, { params: { assignmentId } }, { enabled: !isNew });
  if (me === undefined || (!isNew && body === undefined)) return <Waiting />;
  return (
    <Edited {...rest} key={etag} of={isNew ? undefined : body} etag={etag} home={me.homeTenantId} />
  );
}

const isWhole = ({ principal: { homeTenantId, id }, roleId, scope }: Body): boolean =>
  [homeTenantId, id].every((each) => guid.test(each)) &&
  roleId !== "" &&
  (scope.kind === "everything" ||
    (scope.kind === "tenants" ? scope.tenantIds : scope.collections).length > 0);

function Edited(
  props: Roles & {
    readonly of: Assignment | undefined;
    readonly etag: string | undefined;
    readonly home: string;
  },
) {
  const { of, etag = "", home, roles, onClose } = props;
  const t = useText();
  const [given, setGiven] = useState<Body>({
    principal: (of?.principal as Body["principal"] | undefined) ?? {
      kind: "user",
      homeTenantId: home,
      id: "",
    },
    roleId: of?.roleId ?? "",
    scope: of?.scope ?? { kind: "everything" },
    note: of?.note ?? "",
  });
  const add = useSend("POST /api/v1/access/assignments");
  const replace = useSend(`PUT ${one}`);
  const { note, ...rest } = given;
  const body = { ...rest, ...(note.trim() !== "" && { note: note.trim() }) };
  return (
    <AskWindow
      title={t(of ? "access.changeAssignment" : "access.newAssignment")}
      verb={t("access.save")}
      sending={of ? replace : add}
      isReady={isWhole(given)}
      onDo={(): Promise<unknown> =>
        of
          ? replace.send({ params: { assignmentId: of.assignmentId }, body, ifMatch: etag })
          : add.send({ body })
      }
      onClose={onClose}
    >
      <Who given={given} roles={roles} onChange={setGiven} />
      <Where scope={given.scope} onChange={(scope) => setGiven({ ...given, scope })} />
      <TextField
        label={t("access.noteOptional")}
        value={note}
        maxLength={500}
        isLong
        onChange={(value) => setGiven({ ...given, note: value })}
      />
    </AskWindow>
  );
}

function Who(props: {
  readonly given: Body;
  readonly roles: readonly Role[];
  readonly onChange: (given: Body) => void;
}) {
  const { given, roles, onChange } = props;
  const { principal, roleId } = given;
  const t = useText();
  const roleName = useRoleName();
  const text = (name: "homeTenantId" | "id", label: string, hint?: string) => (
    <TextField
      label={label}
      required
      hint={hint}
      value={principal[name]}
      onChange={(value) =>
        onChange({ ...given, principal: { ...principal, [name]: value.trim() } })
      }
    />
  );
  return (
    <>
      <SelectField
        label={t("access.kind")}
        value={principal.kind}
        values={kinds.map((each) => [each, t(`access.kind.${each}`)] as const)}
        onChange={(kind) => onChange({ ...given, principal: { ...principal, kind } })}
      />
      {text("id", t("access.objectId"), t("access.objectIdHint"))}
      {text("homeTenantId", t("access.homeTenant"))}
      <SelectField
        label={t("access.role")}
        required
        value={roleId}
        none={t("access.chooseRole")}
        values={roles.map((each) => [each.roleId, roleName(each)] as const)}
        onChange={(value) => onChange({ ...given, roleId: value })}
      />
    </>
  );
}

const empty: Readonly<Record<(typeof scopeKinds)[number], Scope>> = {
  everything: { kind: "everything" },
  tenants: { kind: "tenants", tenantIds: [] },
  collections: { kind: "collections", collections: [] },
};

function Where(props: { readonly scope: Scope; readonly onChange: (scope: Scope) => void }) {
  const { scope, onChange } = props;
  const t = useText();
  const tenants = useTenants();
  return (
    <>
      <SelectField
        label={t("access.scope")}
        value={scope.kind}
        values={scopeKinds.map((each) => [each, t(`access.scope.${each}`)] as const)}
        onChange={(kind) => onChange(empty[kind])}
      />
      {scope.kind === "tenants" && (
        <div role="group" aria-label={t("access.scope.tenants")}>
          {tenants.map(({ tenantId, displayName }) => (
            <CheckField
              key={tenantId}
              label={displayName}
              checked={scope.tenantIds.includes(tenantId)}
              onChange={(isChecked) => {
                const others = scope.tenantIds.filter((each) => each !== tenantId);
                onChange({
                  ...scope,
                  tenantIds: isChecked ? [...others, tenantId] : others,
                });
              }}
            />
          ))}
        </div>
      )}
      {scope.kind === "collections" && <Collections scope={scope} onChange={onChange} />}
    </>
  );
}

/** Collections of one tenant at a time; those of others stay chosen, and are counted. */
function Collections(props: {
  readonly scope: Extract<Scope, { readonly kind: "collections" }>;
  readonly onChange: (scope: Scope) => void;
}) {
  const { scope, onChange } = props;
  const t = useText();
  const tenants = useTenants();
  const scopeWords = useScopeWords();
  const [tenantId, setTenantId] = useState(scope.collections[0]?.tenantId ?? "");
  const { body = [] } = useReadList(
    "GET /api/v1/tenants/{tenantId}/collections",
    { params: { tenantId } },
    { enabled: tenantId !== "" },
  );
  return (
    <>
      <SelectField
        label={t("access.tenant")}
        hint={scopeWords(scope)}
        value={tenantId}
        none={t("access.chooseTenant")}
        values={tenants.map((each) => [each.tenantId, each.displayName] as const)}
        onChange={setTenantId}
      />
      <div role="group" aria-label={t("access.scope.collections")}>
        {body.map(({ collectionId, name }) => {
          const others = scope.collections.filter((each) => each.collectionId !== collectionId);
          return (
            <CheckField
              key={collectionId}
              label={name}
              checked={others.length < scope.collections.length}
              onChange={(isChecked) =>
                onChange({
                  ...scope,
                  collections: isChecked ? [...others, { tenantId, collectionId }] : others,
                })
              }
            />
          );
        })}
      </div>
    </>
  );
}

/** Asks before a role is taken away. */
export function RemoveAssignmentWindow(props: Roles & { readonly assignmentId: string }) {
  const { assignmentId, roles, onClose } = props;
  const t = useText();
  const roleName = useRoleName();
  const scopeWords = useScopeWords();
  const params = { assignmentId };
  const { body, etag } = useRead(`GET ${one}`, { params });
  const role = roles.find(({ roleId }) => roleId === body?.roleId);
  return (
    <CallWindow
      title={t("access.removeAssignment")}
      verb={t("access.remove")}
      call={`DELETE ${one}`}
      given={{ params, ifMatch: etag ?? "" }}
      isReady={etag !== undefined}
      onClose={onClose}
    >
      {body &&
        t("access.removeAssignmentWhat", {
          who: `${t(`access.kind.${body.principal.kind}`)} ${body.principal.id}`,
          role: role ? roleName(role) : body.roleId,
          scope: scopeWords(body.scope),
        })}
    </CallWindow>
  );
}
