/**
 * What can be sent, as the ribbon of Microsoft's page has it: three actions by themselves, and the menus
 * "Client notification" and "Endpoint Protection". For the toolbar of a page, and for the menu of a row.
 */
import {
  MenuButton,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuList,
  makeStyles,
  ToolbarButton,
  ToolbarDivider,
  ToolbarGroup,
  Tooltip,
  tokens,
} from "@fluentui/react-components";
import {
  AlertRegular,
  AppsAddInRegular,
  DataUsageRegular,
  ScriptRegular,
  ShieldRegular,
} from "@fluentui/react-icons";
import { useId } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { type Reading, useRead } from "../api/read.ts";
import { DropMenu } from "../page/look/drop-menu.tsx";
import { useText } from "./text.ts";

type Catalogue = BodyOf<"GET /api/v1/actions">;
/** An action of the catalogue. */
export type Action = Catalogue["value"][number];

/** The groups, in the order of the page. */
const groups = ["installationAndScripts", "clientNotification", "endpointProtection"] as const;

/** All actions. */
export const useActions = (): Omit<Reading<Catalogue>, "etag"> =>
  useRead("GET /api/v1/actions", {});

/** Says which permission and which roles somebody lacks who may not send an action in a tenant; else nothing. */
export function useWhyNot(tenantId: string): (action: Action) => string | undefined {
  const t = useText();
  const may = useMay();
  return ({ takes, roles, permissionName }) =>
    takes.every((permission) => may(permission, tenantId))
      ? undefined
      : t("notifications.whyNot", {
          permission: t.name(permissionName),
          roles: roles.map((role) => t.named("roles", role)).join(", "),
        });
}

const useStyles = makeStyles({
  group: { display: "flex", flexWrap: "wrap" },
  why: {
    maxWidth: "44ch",
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
  },
});

const icons: Readonly<Record<string, typeof ScriptRegular>> = {
  installClient: AppsAddInRegular,
  runScript: ScriptRegular,
  startCMPivot: DataUsageRegular,
};

type Props = {
  tenantId: string;
  onSend: (actionId: string) => void;
  /** Nothing is chosen that it could be sent to. */
  isEmpty?: boolean;
};

/** One of the three that stand by themselves. */
function Single({ tenantId, onSend, isEmpty = false, action }: Props & { action: Action }) {
  const t = useText();
  const why = useWhyNot(tenantId)(action) ?? (isEmpty ? t("notifications.chooseFirst") : undefined);
  const Icon = icons[action.id] ?? ScriptRegular;
  const button = (
    <ToolbarButton
      icon={<Icon />}
      disabledFocusable={why !== undefined}
      onClick={() => why === undefined && onSend(action.id)}
    >
      {t.name(action.name)}
    </ToolbarButton>
  );
  if (why === undefined) return button;
  return (
    <Tooltip content={why} relationship="description" withArrow>
      {button}
    </Tooltip>
  );
}

/** The items of a group; where somebody may not send them, it says why once. */
function Items(props: Props & { actions: readonly Action[] }) {
  const { tenantId, onSend, isEmpty = false, actions } = props;
  const t = useText();
  const styles = useStyles();
  const id = useId();
  const whyNot = useWhyNot(tenantId);
  const why = actions.map(whyNot).find((one) => one !== undefined);
  const words = why ?? (isEmpty ? t("notifications.chooseFirst") : undefined);
  return (
    <>
      {words !== undefined && (
        <div id={id} className={styles.why}>
          {words}
        </div>
      )}
      {actions.map((action) => (
        <MenuItem
          key={action.id}
          disabled={words !== undefined}
          aria-describedby={words === undefined ? undefined : id}
          onClick={() => onSend(action.id)}
        >
          {t.name(action.name)}
        </MenuItem>
      ))}
    </>
  );
}

function GroupMenu(props: Props & { actions: readonly Action[] }) {
  const { actions } = props;
  const t = useText();
  const [first] = actions;
  if (first === undefined) return null;
  const Icon = first.group === "endpointProtection" ? ShieldRegular : AlertRegular;
  return (
    <DropMenu
      trigger={
        <MenuButton appearance="subtle" icon={<Icon />}>
          {t.name(first.groupName)}
        </MenuButton>
      }
    >
      <Items {...props} />
    </DropMenu>
  );
}

const inGroup = (actions: readonly Action[], group: string): Action[] =>
  actions.filter((action) => action.group === group);

/**
 * The ribbon. `of` says which of the page's groups it is: "Device" with "Selected object" beside it for the protection of
 * devices, or "Collection".
 */
export function ActionBar(props: Props & { of: "device" | "collection" }) {
  const t = useText();
  const styles = useStyles();
  const { body } = useActions();
  if (body === undefined) return null;
  const [singles, notify, protect] = groups.map((group) => inGroup(body.value, group));
  const ribbon = t(props.of === "device" ? "notifications.device" : "notifications.collection");
  return (
    <>
      <ToolbarGroup aria-label={ribbon} className={styles.group}>
        {singles?.map((action) => (
          <Single key={action.id} {...props} action={action} />
        ))}
        <GroupMenu {...props} actions={notify ?? []} />
      </ToolbarGroup>
      <ToolbarDivider />
      <ToolbarGroup
        aria-label={props.of === "device" ? t("notifications.selectedObject") : ribbon}
        className={styles.group}
      >
        <GroupMenu {...props} actions={protect ?? []} />
      </ToolbarGroup>
    </>
  );
}

/** The same for the menu of a row: three submenus. */
export function ActionItems(props: Props) {
  const { body } = useActions();
  const t = useText();
  return groups.map((group) => {
    const actions = inGroup(body?.value ?? [], group);
    const [first] = actions;
    if (first === undefined) return null;
    return (
      <DropMenu key={group} trigger={<MenuItem>{t.name(first.groupName)}</MenuItem>}>
        <Items {...props} actions={actions} />
      </DropMenu>
    );
  });
}

/** All of them under the names of their groups, for who has not chosen one yet. */
export function ActionList(props: Props) {
  const { body } = useActions();
  const t = useText();
  return (
    <MenuList>
      {groups.map((group) => {
        const actions = inGroup(body?.value ?? [], group);
        const [first] = actions;
        if (first === undefined) return null;
        return (
          <MenuGroup key={group}>
            <MenuGroupHeader>{t.name(first.groupName)}</MenuGroupHeader>
            <Items {...props} actions={actions} />
          </MenuGroup>
        );
      })}
    </MenuList>
  );
}
