/** Gives a role to somebody for a part of everything, changes that, and takes it away. */
import { useState } from "react";
import { useMe } from "../api/me.ts";
import { useRead, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { Ticks } from "../page/filters.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { Waiting } from "../page/page.tsx";
import { type FieldsOf, fieldsOf, SelectField, TextField } from "../page/values/fields.tsx";
import { AskWindow } from "../page/window.tsx";
import {
  type Assignment,
  type Role,
  roleNameOf,
  type Scope,
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
export function AssignmentWindow(props: Roles & { assignmentId: string | undefined }) {
  const { assignmentId = "", ...rest } = props;
  const { body: me } = useMe();
  const isNew = assignmentId === "";
  const { body, etag } = useRead(`GET ${one}`, { params: { assignmentId } }, { enabled: !isNew });
  if (me === undefined || (!isNew && body === undefined)) return <Waiting />;
  return (
    <Edited
      {...rest}
      key={etag}
      held={isNew ? undefined : body}
      etag={etag}
      home={me.homeTenantId}
    />
  );
}

const isWhole = ({ principal: { homeTenantId, id }, roleId, scope }: Body): boolean =>
  [homeTenantId, id].every((each) => guid.test(each)) &&
  roleId !== "" &&
  (scope.kind === "everything" ||
    (scope.kind === "tenants" ? scope.tenantIds : scope.collections).length > 0);

function Edited(
  props: Roles & {
    held: Assignment | undefined;
    etag: string | undefined;
    home: string;
  },
) {
  const { held, etag: ifMatch = "", home, roles, onClose } = props;
  const t = useText();
  const [given, setGiven] = useState<Body>({
    principal: (held?.principal as Body["principal"] | undefined) ?? {
      kind: "user",
      homeTenantId: home,
      id: "",
    },
    roleId: held?.roleId ?? "",
    scope: held?.scope ?? { kind: "everything" },
    note: held?.note ?? "",
  });
  const of = fieldsOf(given, setGiven);
  const add = useSend("POST /api/v1/access/assignments");
  const replace = useSend(`PUT ${one}`);
  const { note, ...rest } = given;
  const body = { ...rest, ...(note.trim() !== "" && { note: note.trim() }) };
  const params = { assignmentId: held?.assignmentId ?? "" };
  return (
    <AskWindow
      title={t(held ? "access.changeAssignment" : "access.newAssignment")}
      verb={t("access.save")}
      sending={held ? replace : add}
      isReady={isWhole(given)}
      onDo={(): Promise<unknown> =>
        held ? replace.send({ params, body, ifMatch }) : add.send({ body })
      }
      onClose={onClose}
    >
      <Who of={of} roles={roles} />
      <Where {...of("scope")} />
      <TextField label={t("access.noteOptional")} {...of("note")} maxLength={500} isLong />
    </AskWindow>
  );
}

function Who({ of, roles }: { of: FieldsOf<Body>; roles: readonly Role[] }) {
  const t = useText();
  const principal = of("principal");
  const its = fieldsOf(principal.value, principal.onChange);
  const id = (name: "homeTenantId" | "id") => ({
    ...its(name),
    onChange: (value: string) => its(name).onChange(value.trim()),
  });
  return (
    <>
      <SelectField
        label={t("access.kind")}
        {...its("kind")}
        values={kinds.map((each) => [each, t(`access.kind.${each}`)] as const)}
      />
      <TextField
        label={t("access.objectId")}
        required
        hint={t("access.objectIdHint")}
        {...id("id")}
      />
      <TextField label={t("access.homeTenant")} required {...id("homeTenantId")} />
      <SelectField
        label={t("access.role")}
        required
        {...of("roleId")}
        none={t("access.chooseRole")}
        values={roles.map((each) => [each.roleId, roleNameOf(each, t)] as const)}
      />
    </>
  );
}

const empty: Readonly<Record<(typeof scopeKinds)[number], Scope>> = {
  everything: { kind: "everything" },
  tenants: { kind: "tenants", tenantIds: [] },
  collections: { kind: "collections", collections: [] },
};

type Changing<S extends Scope> = { readonly value: S; readonly onChange: (scope: Scope) => void };

function Where({ value: scope, onChange }: Changing<Scope>) {
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
        <Ticks
          label={t("access.scope.tenants")}
          known={tenants.map((each) => [each.tenantId, each.displayName] as const)}
          value={scope.tenantIds}
          onChange={(tenantIds) => onChange({ ...scope, tenantIds })}
        />
      )}
      {scope.kind === "collections" && <Collections value={scope} onChange={onChange} />}
    </>
  );
}

/** Collections of one tenant at a time; those of others stay chosen, and are counted. */
function Collections(props: Changing<Extract<Scope, { readonly kind: "collections" }>>) {
  const { value: scope, onChange } = props;
  const t = useText();
  const tenants = useTenants();
  const scopeWords = useScopeWords();
  const [tenantId, setTenantId] = useState(scope.collections[0]?.tenantId ?? "");
  const isHere = (each: { readonly tenantId: string }): boolean => each.tenantId === tenantId;
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
      <Ticks
        label={t("access.scope.collections")}
        known={body.map(({ collectionId, name }) => [collectionId, name] as const)}
        value={scope.collections.filter(isHere).map(({ collectionId }) => collectionId)}
        onChange={(chosen) => {
          const here = chosen.map((collectionId) => ({ tenantId, collectionId }));
          const others = scope.collections.filter((each) => !isHere(each));
          onChange({ ...scope, collections: [...others, ...here] });
        }}
      />
    </>
  );
}

/** Asks before a role is taken away. */
export function RemoveAssignmentWindow(props: Roles & { assignmentId: string }) {
  const { assignmentId, roles, onClose } = props;
  const t = useText();
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
          role: role ? roleNameOf(role, t) : body.roleId,
          scope: scopeWords(body.scope),
        })}
    </CallWindow>
  );
}
