/** What opens beneath its title: things that are looked at one by one. */
import {
  Accordion,
  AccordionHeader,
  type AccordionHeaderProps,
  AccordionItem,
  AccordionPanel,
  type AccordionProps,
} from "@fluentui/react-components";
import type { ReactNode } from "react";

/** Folds, of which several may be open. */
export const FoldList = (props: Pick<AccordionProps, "className"> & { children: ReactNode }) => (
  <Accordion {...props} collapsible multiple />
);

/** One of them. */
export function Fold(props: {
  id: string;
  title: ReactNode;
  as?: NonNullable<AccordionHeaderProps["as"]>;
  children: ReactNode;
}) {
  const { id, title, as = "div", children } = props;
  return (
    <AccordionItem value={id}>
      <AccordionHeader as={as}>{title}</AccordionHeader>
      <AccordionPanel>{children}</AccordionPanel>
    </AccordionItem>
  );
}
