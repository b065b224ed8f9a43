/** Permissions that a tenant's administrator has to grant: which, what needs them, and the address to send them. */
import { Body1, Button } from "@fluentui/react-components";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { List } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { Code, Shown } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { AdministratorsAddress, useAdministratorsAddress } from "./administrators-address.tsx";
import { useText } from "./text.ts";

/** The window of "Pending admin consent". */
export function ConsentWindow(props: {
  ids: { readonly tenantId: string; readonly syncId: string };
  title: string;
  onClose: () => void;
}) {
  const { ids, title, onClose } = props;
  const t = useText();
  const may = useMay()("sync.run", ids.tenantId);
  const consent = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/consent", { params: ids });
  const { address, ask, problem: refused } = useAdministratorsAddress(ids);
  const check = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/consent/check");
  const goOn = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/consent/continue-without");
  const checkAgain = async () => {
    const answer = await check.send({ params: ids });
    if (answer === undefined) return;
    announce(t(answer.body.complete ? "sync.consentComplete" : "sync.consentStillMissing"));
    if (answer.body.complete) onClose();
  };
  const without = async () => {
    if ((await goOn.send({ params: ids })) !== undefined) onClose();
  };
  const problem = refused ?? check.problem ?? goOn.problem;
  return (
    <Window
      title={title}
      onClose={onClose}
      actions={
        may && (
          <>
            <Button appearance="primary" onClick={() => void checkAgain()}>
              {t("sync.checkNow")}
            </Button>
            <Button onClick={() => void without()}>{t("sync.withoutTypes")}</Button>
          </>
        )
      }
    >
      <Body1>{t("sync.consentWhy")}</Body1>
      <Shown reading={consent}>
        {({ permissions, words, canBegin }) => (
          <>
            <List label={t("sync.permissions")}>
              {permissions.map(({ name, types }) => (
                <li key={name}>
                  <Code of={name} /> {t("sync.neededFor", { types: types.join(", ") })}
                </li>
              ))}
            </List>
            {words !== undefined && <Note intent="warning">{t.said(words)}</Note>}
            {may && canBegin && address === undefined && (
              <div>
                <Button onClick={ask}>{t("sync.getAddress")}</Button>
              </div>
            )}
          </>
        )}
      </Shown>
      {address && <AdministratorsAddress address={address} />}
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
