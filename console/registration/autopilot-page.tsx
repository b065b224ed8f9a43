/** What a tenant has in Autopilot, whoever registered it: tag and user changed, and devices taken out. */
import { Button, MenuItem, MenuList } from "@fluentui/react-components";
import { LaptopSettingsRegular, SubtractCircleRegular } from "@fluentui/react-icons";
import type { ItemOf } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { Listed, Quiet } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Empty, PageFrame, useGo } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { useChoice } from "../page/rows.tsx";
import { TextField, useHeld } from "../page/values/fields.tsx";
import { Window } from "../page/window.tsx";
import { autopilotScreen, registrationScreen } from "./screens.ts";
import { useText } from "./text.ts";

const list = "GET /api/v1/tenants/{tenantId}/autopilot-devices";
type Device = ItemOf<typeof list>;

export function Page() {
  const t = useText();
  const may = useMay();
  const { tenantId } = autopilotScreen.useParams();
  const [{ device, window: open }, change] = autopilotScreen.useSearchState();
  const choice = useChoice((each: Device) => [each.autopilotDeviceId, each.serialNumber]);
  const { chosen } = choice;
  const reading = useReadList(list, { params: { tenantId } });
  const mayManage = may("registration.manage", tenantId);
  const close = () => change({ device: undefined, window: undefined }, true);
  const shown = reading.body?.find(({ autopilotDeviceId: id }) => id === device);
  return (
    <PageFrame
      title={t("registration.autopilot")}
      bar={
        <MayButton
          icon={<SubtractCircleRegular />}
          permission="registration.manage"
          why={chosen.size === 0 ? t("registration.chooseFirst") : undefined}
          onClick={() => change({ window: "deregister" })}
        >
          {t("registration.deregister", { count: chosen.size })}
        </MayButton>
      }
    >
      <Listed
        reading={reading}
        label={t("registration.autopilot")}
        idOf={({ autopilotDeviceId }) => autopilotDeviceId}
        nameOf={({ serialNumber }) => serialNumber}
        columns={{
          [t("registration.serial")]: (each) => <Which of={each} />,
          [t("registration.tag")]: ({ groupTag }) => groupTag,
          [t("registration.user")]: ({ userPrincipalName }) => userPrincipalName,
          [t("registration.profileStatus")]: ({ profileStatus }) => profileStatus,
          [t("registration.managed")]: ({ isManaged }) =>
            t(isManaged ? "registration.yes" : "registration.no"),
          [t("registration.source")]: ({ source }) => t(`registration.source.${source}`),
        }}
        widths="1fr 1fr 1fr 1fr 0.6fr 1fr"
        choice={choice}
        {...(mayManage && {
          renderMenu: ({ autopilotDeviceId }: Device) => (
            <MenuList>
              <MenuItem onClick={() => change({ device: autopilotDeviceId })}>
                {t("registration.edit")}
              </MenuItem>
            </MenuList>
          ),
        })}
        empty={
          <Empty icon={<LaptopSettingsRegular />} title={t("registration.noAutopilot")}>
            {t("registration.noAutopilotWhy")}
          </Empty>
        }
      />
      {shown && <DeviceWindow tenantId={tenantId} device={shown} onClose={close} />}
      {open === "deregister" && chosen.size > 0 && (
        <DeregisterWindow
          tenantId={tenantId}
          serialNumbers={[...chosen.values()]}
          onClose={close}
        />
      )}
    </PageFrame>
  );
}

const Which = ({ of: { serialNumber, manufacturer, model } }: { of: Device }) => (
  <>
    {serialNumber}
    <Quiet>{`${manufacturer} ${model}`.trim()}</Quiet>
  </>
);

/** Another group tag, another user. */
function DeviceWindow(props: { tenantId: string; device: Device; onClose: () => void }) {
  const { tenantId, device, onClose } = props;
  const { autopilotDeviceId, serialNumber } = device;
  const t = useText();
  const sending = useSend("PATCH /api/v1/tenants/{tenantId}/autopilot-devices/{autopilotDeviceId}");
  const groupTag = useHeld(device.groupTag);
  const user = useHeld(device.userPrincipalName);
  const save = async () => {
    const answer = await sending.send({
      params: { tenantId, autopilotDeviceId },
      body: {
        ...(groupTag.value !== device.groupTag && { groupTag: groupTag.value }),
        ...(user.value !== device.userPrincipalName && {
          assignedUser: user.value === "" ? null : user.value,
        }),
      },
    });
    if (answer === undefined) return;
    const isThere = answer.body.pending.length === 0;
    announce(t(isThere ? "registration.saved" : "registration.pending"));
    onClose();
  };
  const isSame = groupTag.value === device.groupTag && user.value === device.userPrincipalName;
  return (
    <Window
      title={serialNumber}
      onClose={onClose}
      actions={
        <Button
          appearance="primary"
          disabledFocusable={isSame || sending.isSending}
          onClick={() => void save()}
        >
          {t("registration.save")}
        </Button>
      }
    >
      <TextField
        label={t("registration.tag")}
        hint={t("registration.exactly")}
        {...groupTag}
        maxLength={512}
      />
      <TextField label={t("registration.user")} {...user} maxLength={200} />
      {sending.problem && <ProblemView problem={sending.problem} />}
    </Window>
  );
}

/** Asks before devices are taken out; what becomes of each stands in a registration. */
function DeregisterWindow(props: {
  tenantId: string;
  serialNumbers: string[];
  onClose: () => void;
}) {
  const { tenantId, serialNumbers, onClose } = props;
  const t = useText();
  const go = useGo();
  const words = t("registration.deregister", { count: serialNumbers.length });
  return (
    <CallWindow
      title={words}
      verb={words}
      call="POST /api/v1/tenants/{tenantId}/autopilot-devices/deregister"
      given={{ params: { tenantId }, body: { serialNumbers } }}
      onDone={({ body: { registrationId } }) =>
        go(registrationScreen.at({ tenantId, registrationId }))
      }
      onClose={onClose}
    >
      <div>{t("registration.deregisterWhat")}</div>
      <Note intent="warning">{serialNumbers.join(", ")}</Note>
    </CallWindow>
  );
}
