/** Gives a role to somebody for a part of everything, changes that, and takes it away. */
import { Checkbox, Field, Input, Select, Textarea } from "@fluentui/react-components";
import { useState } from "react";
import { useMe } from "../api/me.ts";
import { useRead, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { Waiting } from "../page/page-state.tsx";
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
      <Field label={t("access.noteOptional")}>
        <Textarea
          value={note}
          maxLength={500}
          onChange={(_event, { value }) => setGiven({ ...given, note: value })}
        />
      </Field>
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
    <Field label={label} required {...(hint !== undefined && { hint })}>
      <Input
        value={principal[name]}
        onChange={(_event, { value }) =>
          onChange({ ...given, principal: { ...principal, [name]: value.trim() } })
        }
      />
    </Field>
  );
  return (
    <>
      <Field label={t("access.kind")}>
        <Select
          value={principal.kind}
          onChange={(_event, { value }) =>
            onChange({
              ...given,
              principal: { ...principal, kind: kinds.find((each) => each === value) ?? "user" },
            })
          }
        >
          {kinds.map((each) => (
            <option key={each} value={each}>
              {t(`access.kind.${each}`)}
            </option>
          ))}
        </Select>
      </Field>
      {text("id", t("access.objectId"), t("access.objectIdHint"))}
      {text("homeTenantId", t("access.homeTenant"))}
      <Field label={t("access.role")} required>
        <Select
          value={roleId}
          onChange={(_event, { value }) => onChange({ ...given, roleId: value })}
        >
          <option value="">{t("access.chooseRole")}</option>
          {roles.map((each) => (
            <option key={each.roleId} value={each.roleId}>
              {roleName(each)}
            </option>
          ))}
        </Select>
      </Field>
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
      <Field label={t("access.scope")}>
        <Select
          value={scope.kind}
          onChange={(_event, { value }) =>
            onChange(empty[scopeKinds.find((each) => each === value) ?? "everything"])
          }
        >
          {scopeKinds.map((each) => (
            <option key={each} value={each}>
              {t(`access.scope.${each}`)}
            </option>
          ))}
        </Select>
      </Field>
      {scope.kind === "tenants" && (
        <div role="group" aria-label={t("access.scope.tenants")}>
          {tenants.map(({ tenantId, displayName }) => (
            <Checkbox
              key={tenantId}
              label={displayName}
              checked={scope.tenantIds.includes(tenantId)}
              onChange={(_event, { checked }) => {
                const others = scope.tenantIds.filter((each) => each !== tenantId);
                onChange({
                  ...scope,
                  tenantIds: checked === true ? [...others, tenantId] : others,
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
      <Field label={t("access.tenant")} hint={scopeWords(scope)}>
        <Select value={tenantId} onChange={(_event, { value }) => setTenantId(value)}>
          <option value="">{t("access.chooseTenant")}</option>
          {tenants.map((each) => (
            <option key={each.tenantId} value={each.tenantId}>
              {each.displayName}
            </option>
          ))}
        </Select>
      </Field>
      <div role="group" aria-label={t("access.scope.collections")}>
        {body.map(({ collectionId, name }) => {
          const others = scope.collections.filter((each) => each.collectionId !== collectionId);
          return (
            <Checkbox
              key={collectionId}
              label={name}
              checked={others.length < scope.collections.length}
              onChange={(_event, { checked }) =>
                onChange({
                  ...scope,
                  collections: checked === true ? [...others, { tenantId, collectionId }] : others,
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
  const sending = useSend(`DELETE ${one}`);
  const role = roles.find(({ roleId }) => roleId === body?.roleId);
  return (
    <AskWindow
      title={t("access.removeAssignment")}
      verb={t("access.remove")}
      sending={sending}
      isReady={etag !== undefined}
      onDo={() => sending.send({ params, ifMatch: etag ?? "" })}
      onClose={onClose}
    >
      {body &&
        t("access.removeAssignmentWhat", {
          who: `${t(`access.kind.${body.principal.kind}`)} ${body.principal.id}`,
          role: role ? roleName(role) : body.roleId,
          scope: scopeWords(body.scope),
        })}
    </AskWindow>
  );
}
