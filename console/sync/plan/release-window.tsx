/** Changes that were rejected are held: how many, and letting go of them, after which the next plan asks for them again. */

import { CallWindow } from "../../page/job/call.tsx";
import { Note } from "../../page/look/note.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { useText } from "../text.ts";

/** How many of a tenant's changes are held, with the button for it; nothing where none is. */
export function HeldBar({ count, onRelease }: { count: number; onRelease: () => void }) {
  const t = useText();
  if (count === 0) return null;
  return (
    <Note
      actions={
        <MayButton permission="sync.approve" onClick={onRelease}>
          {t("sync.release")}
        </MayButton>
      }
    >
      {t("sync.held", { count })}
    </Note>
  );
}

/** The window that asks first. */
export function ReleaseWindow(props: { tenantId: string; count: number; onClose: () => void }) {
  const { tenantId, count, onClose } = props;
  const t = useText();
  return (
    <CallWindow
      title={t("sync.release")}
      verb={t("sync.releaseDo", { count })}
      call="POST /api/v1/tenants/{tenantId}/sync-status/release-held"
      given={{ params: { tenantId } }}
      said={({ body: { released } }) => t("sync.released", { count: released })}
      onClose={onClose}
    >
      {t("sync.releaseWhat")}
    </CallWindow>
  );
}
