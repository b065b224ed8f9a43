/** A menu that hangs at what opens it: a button, or an entry of another menu. */
import {
  Menu,
  MenuList,
  MenuPopover,
  type MenuProps,
  MenuTrigger,
  type MenuTriggerProps,
} from "@fluentui/react-components";
import type { ReactNode } from "react";

export function DropMenu(
  props: Omit<MenuProps, "children"> & {
    trigger: NonNullable<MenuTriggerProps["children"]>;
    children: ReactNode;
  },
) {
  const { trigger, children, ...rest } = props;
  return (
    <Menu {...rest}>
      <MenuTrigger disableButtonEnhancement>{trigger}</MenuTrigger>
      <MenuPopover>
        <MenuList>{children}</MenuList>
      </MenuPopover>
    </Menu>
  );
}
