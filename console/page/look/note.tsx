/** Something that has to be noticed: what it is about first, then the words, then what can be done about it. */
import {
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  type MessageBarProps,
  MessageBarTitle,
} from "@fluentui/react-components";
import type { ReactNode } from "react";

/** The note. What else it is given goes to its bar. */
export function Note(
  props: Pick<MessageBarProps, "className" | "role"> & {
    intent?: MessageBarProps["intent"];
    title?: ReactNode;
    actions?: ReactNode;
    children?: ReactNode;
  },
) {
  const { intent = "info", title, actions, children, ...rest } = props;
  return (
    <MessageBar {...rest} intent={intent} layout="multiline">
      <MessageBarBody>
        {title !== undefined && <MessageBarTitle>{title}</MessageBarTitle>}
        {children}
      </MessageBarBody>
      {Boolean(actions) && <MessageBarActions>{actions}</MessageBarActions>}
    </MessageBar>
  );
}
