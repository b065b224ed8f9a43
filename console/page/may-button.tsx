/** What somebody may not do says why, where they would do it: the permission, what it is for, and the roles that have it. */
import { Button, type ButtonProps, Tooltip } from "@fluentui/react-components";
import type { ReactNode } from "react";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useMay } from "../api/me.ts";
import { useNeeds } from "../api/names.ts";

/** Why somebody may not do what takes a permission; undefined where they may. */
function useWhyNot(): (permission: Permission, tenantId?: string) => string | undefined {
  const may = useMay();
  const needs = useNeeds();
  return (permission, tenantId) => (may(permission, tenantId) ? undefined : needs(permission));
}

/**
 * A button for what takes a permission, or what something else stands in the way of (`why`): then it can be reached, says
 * why on hover and on focus, and does nothing. Subtle, as toolbars and rows have them, unless told otherwise.
 */
export function MayButton(
  props: Pick<ButtonProps, "appearance" | "size"> & {
    readonly icon?: ButtonProps["icon"];
    readonly permission?: Permission;
    readonly tenantId?: string | undefined;
    readonly why?: string | undefined;
    /** It is being done. */
    readonly isBusy?: boolean;
    readonly onClick: () => void;
    readonly children: ReactNode;
  },
) {
  const { permission, tenantId, why, isBusy = false, onClick, children, icon, ...rest } = props;
  const whyNot = useWhyNot();
  const words = (permission && whyNot(permission, tenantId)) ?? why;
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
