/** All that an action said on a device, where its history shows the beginning. */
import { Button } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { useRead } from "../../api/read.ts";
import { CopyButton } from "../../page/copy-button.tsx";
import { Code, Shown } from "../../page/page.tsx";
import { saveFile } from "../../page/save-file.tsx";
import { Window } from "../../page/window.tsx";
import { useText } from "../text.ts";

const path =
  "GET /api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices/{deviceId}/outputs/{outputId}";

/** The window. `of`: the run that it was said in, which may be one before, and the output's id, with a space between. */
export function OutputWindow(props: {
  tenantId: string;
  deviceId: string;
  of: string;
  name: string;
  onClose: () => void;
}) {
  const { tenantId, deviceId, of, name, onClose } = props;
  const t = useText();
  const [runId = "", outputId = ""] = of.split(" ");
  const reading = useRead(path, { params: { tenantId, runId, deviceId, outputId } });
  const output = reading.body?.output;
  return (
    <Window
      wide
      title={t("provisioning.wholeOutput")}
      onClose={onClose}
      actions={
        <>
          {output !== undefined && (
            <>
              <Button
                icon={<ArrowDownloadRegular />}
                onClick={() => saveFile(new Blob([output], { type: "text/plain" }), `${name}.txt`)}
              >
                {t("provisioning.saveOutput")}
              </Button>
              <CopyButton text={() => output} />
            </>
          )}
          <Button onClick={onClose}>{t("shared.close")}</Button>
        </>
      }
    >
      <Shown reading={reading}>{(all) => <Code of={all.output} />}</Shown>
    </Window>
  );
}
