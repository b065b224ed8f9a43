/** A role: what it lets its holders do. Those made here are changed in place; built-in ones are shown. */
import { useEffect } from "react";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { Ticks } from "../page/filters.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { Shown } from "../page/page.tsx";
import { TextField, useHeld } from "../page/values/fields.tsx";
import { AskWindow, Window } from "../page/window.tsx";
import { type Role, roleNameOf } from "./scope.ts";
import { useText } from "./text.ts";

const one = "/api/v1/access/roles/{roleId}";

/** The window; without an id it makes a new role. */
export function RoleWindow(props: { roleId: string | undefined; onClose: () => void }) {
  const { roleId, onClose } = props;
  const t = useText();
  const mayManage = useMay()("access.manage");
  const given = { params: { roleId: roleId ?? "" } };
  const reading = useRead(`GET ${one}`, given, { enabled: roleId !== undefined });
  const { body, etag } = reading;
  if (roleId === undefined) return <Edited onClose={onClose} />;
  if (body !== undefined && !body.builtIn && mayManage)
    return <Edited key={etag} role={body} etag={etag} onClose={onClose} />;
  return (
    <Window title={body ? roleNameOf(body, t) : t("access.role")} onClose={onClose} wide>
      <Shown reading={reading}>
        {(role) => (
          <>
            <p>{t.said(role.description)}</p>
            {role.builtIn && <p>{t("access.builtInStays")}</p>}
            <Permissions value={role.permissions} />
          </>
        )}
      </Shown>
    </Window>
  );
}

function Edited(props: { role?: Role; etag?: string | undefined; onClose: () => void }) {
  const { role, etag = "", onClose } = props;
  const t = useText();
  const name = useHeld(role?.name ?? "");
  const description = useHeld(role?.description ?? "");
  const permissions = useHeld<readonly Permission[]>(role?.permissions ?? []);
  const add = useSend("POST /api/v1/access/roles");
  const replace = useSend(`PUT ${one}`);
  const body = {
    name: name.value,
    description: description.value,
    permissions: [...permissions.value],
  };
  return (
    <AskWindow
      wide
      title={role?.name ?? t("access.newRole")}
      verb={t("access.save")}
      sending={role ? replace : add}
      isReady={name.value.trim() !== "" && permissions.value.length > 0}
      onDo={(): Promise<unknown> =>
        role
          ? replace.send({ params: { roleId: role.roleId }, body, ifMatch: etag })
          : add.send({ body })
      }
      onClose={onClose}
    >
      <TextField label={t("access.name")} required {...name} maxLength={100} />
      <TextField label={t("access.description")} {...description} maxLength={1000} isLong />
      <Permissions {...permissions} />
    </AskWindow>
  );
}

/** Every permission there is, with what it lets its holder do. */
function Permissions(props: {
  value: readonly Permission[];
  onChange?: (chosen: readonly Permission[]) => void;
}) {
  const { value, onChange } = props;
  const t = useText();
  const { body } = useRead("GET /api/v1/names", {});
  const all = Object.keys(body?.permissions ?? {}) as Permission[];
  const words = (each: Permission) => `${each}: ${t.named("permissions", each)}`;
  const label = t("access.permissions");
  if (onChange === undefined)
    return (
      <div role="group" aria-label={label}>
        {all
          .filter((each) => value.includes(each))
          .map((each) => (
            <div key={each}>{words(each)}</div>
          ))}
      </div>
    );
  return (
    <Ticks
      label={label}
      known={all.map((each) => [each, words(each)] as const)}
      value={value}
      onChange={onChange}
    />
  );
}

/** Asks before a role is removed; one that somebody holds stays, and the answer says so. */
export function RemoveRoleWindow({ roleId, onClose }: { roleId: string; onClose: () => void }) {
  const t = useText();
  const params = { roleId };
  const { body, etag, problem } = useRead(`GET ${one}`, { params });
  // Gone, or never there: nothing to ask.
  useEffect(() => {
    if (problem?.status === 404) onClose();
  }, [problem, onClose]);
  return (
    <CallWindow
      title={t("access.removeRole", { name: body?.name ?? "" })}
      verb={t("access.remove")}
      call={`DELETE ${one}`}
      given={{ params, ifMatch: etag ?? "" }}
      isReady={etag !== undefined}
      onClose={onClose}
    >
      {t("access.removeRoleWhat")}
    </CallWindow>
  );
}
