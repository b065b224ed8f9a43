/** What somebody may not do says why, where they would do it: the permission, what it is for, and the roles that have it. */
import { Button, type ButtonProps, MenuItem, Tooltip } from "@fluentui/react-components";
import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useMay } from "../api/me.ts";
import { useNeeds } from "../api/names.ts";

type MayProps = {
  permission?: Permission;
  /** In which tenant; without it, in that of the address, where there is one. */
  tenantId?: string | undefined;
  why?: string | undefined;
  onClick: () => void;
  children: ReactNode;
};

/** Why somebody may not do it; undefined where they may. */
function useWords({ permission, tenantId, why }: Omit<MayProps, "onClick">): string | undefined {
  const may = useMay();
  const needs = useNeeds();
  const here: { readonly tenantId?: string } = useParams({ strict: false });
  const mayNot = permission !== undefined && !may(permission, tenantId ?? here.tenantId);
  return mayNot ? needs(permission) : why;
}

/**
 * A button for what takes a permission, or what something else stands in the way of (`why`): then it can be reached, says
 * why on hover and on focus, and does nothing. Subtle, as toolbars and rows have them, unless told otherwise.
 */
export function MayButton(
  props: MayProps &
    Pick<ButtonProps, "appearance" | "size"> & {
      icon?: ButtonProps["icon"];
      /** It is being done. */
      isBusy?: boolean;
    },
) {
  const {
    permission: _,
    tenantId: __,
    why: ___,
    isBusy = false,
    onClick,
    children,
    icon,
    ...rest
  } = props;
  const words = useWords(props);
  const button = (
    <Button
      appearance="subtle"
      {...rest}
      {...(icon !== undefined && { icon })}
      disabledFocusable={words !== undefined || isBusy}
      onClick={() => words === undefined && onClick()}
    >
      {children}
    </Button>
  );
  if (words === undefined) return button;
  return (
    <Tooltip content={words} relationship="description" withArrow>
      {button}
    </Tooltip>
  );
}

/** The same as an entry of a menu, which says why beneath its name. */
export function MayItem(props: MayProps) {
  const words = useWords(props);
  return (
    <MenuItem
      disabled={words !== undefined}
      {...(words !== undefined && { subText: words })}
      onClick={props.onClick}
    >
      {props.children}
    </MenuItem>
  );
}
