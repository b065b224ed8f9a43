/** What was found of a list: the sum, Excel's damage by its name, each fault by its place, and the repaired copy. */
import { Badge, Button, Text as Words } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { Quiet } from "../page/job/listed.tsx";
import { Note } from "../page/look/note.tsx";
import { Code } from "../page/page.tsx";
import { Rows } from "../page/rows.tsx";
import { saveFile } from "../page/save-file.tsx";
import type { ListFile } from "./list-input.tsx";
import { useText, type Verdict } from "./text.ts";

type Finding = Verdict["findings"][number];

/** What a spreadsheet does to a list when it saves it. */
const excelCodes: ReadonlySet<string> = new Set([
  "E_SERIAL_SCIENTIFIC",
  "W_SERIAL_HASH_MISMATCH",
  "E_DELIMITER",
  "E_ENC_UTF8_BOM",
]);

/** A file out of base64, byte for byte. */
export const bytesOf = (base64: string): Blob =>
  new Blob([Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0))], { type: "text/csv" });

/** All of it. `repaired` is the same list judged with each repair that is offered. */
export function Findings(props: {
  file: ListFile;
  verdict: Verdict;
  repaired: Verdict["repaired"];
  onUse: (file: ListFile) => void;
}) {
  const { file, verdict, repaired, onUse } = props;
  const { rows, acceptedRows, errors, warnings, findings, fileRejected, valid } = verdict;
  const t = useText();
  const isExcel = findings.some(({ code }) => excelCodes.has(code));
  const shown = findings.length;
  return (
    <>
      <Note
        intent={valid ? "success" : "error"}
        data-verdict={valid ? "valid" : fileRejected ? "rejected" : "faulty"}
        data-accepted={acceptedRows}
        title={t("registration.sum", { accepted: acceptedRows, rows })}
      >
        {t("registration.faults", { errors, warnings })} {!valid && t("registration.checkFormat")}
      </Note>
      {isExcel && (
        <Note intent="warning" data-excel title={t("registration.excel")}>
          {t("registration.rule.excel")} {t("registration.rule.zeros")}
        </Note>
      )}
      {repaired && <Repaired file={file} repaired={repaired} onUse={onUse} />}
      {shown < errors + warnings && (
        <Words>{t("registration.firstOf", { shown: t.number(shown) })}</Words>
      )}
      {shown > 0 && <Table findings={findings} />}
    </>
  );
}

function Repaired(props: {
  file: ListFile;
  repaired: NonNullable<Verdict["repaired"]>;
  onUse: (file: ListFile) => void;
}) {
  const { contentBase64, impossible, errors = 0, changes = [] } = props.repaired;
  const t = useText();
  const name = props.file.name.replace(/(?:\.csv)?$/i, "-repaired.csv");
  if (contentBase64 === undefined) return <Note intent="warning">{t.said(impossible)}</Note>;
  const content = bytesOf(contentBase64);
  return (
    <Note
      intent="info"
      data-repaired={errors}
      title={t("registration.repaired")}
      actions={
        <>
          <Button icon={<ArrowDownloadRegular />} onClick={() => saveFile(content, name)}>
            {t("registration.downloadRepaired")}
          </Button>
          <Button onClick={() => props.onUse({ content, name })}>
            {t("registration.useRepaired")}
          </Button>
        </>
      }
    >
      {changes.map(({ repair, lines }) => t(`registration.repair.${repair}`, { lines })).join(" ")}{" "}
      {t("registration.faultsLeft", { errors })}
    </Note>
  );
}

function Table({ findings }: { findings: readonly Finding[] }) {
  const t = useText();
  const numbered = findings.map((finding, at) => ({ ...finding, at }));
  const place = (value: number | string | null) => value ?? t("registration.wholeFile");
  return (
    <Rows
      label={t("registration.findings")}
      columns={{
        [t("registration.row")]: ({ row }) => place(row),
        [t("registration.line")]: ({ line }) => line ?? "",
        [t("registration.column")]: ({ column }) => column ?? "",
        [t("registration.reason")]: ({ reason, code, severity, repair }) => (
          <>
            <Badge
              appearance="outline"
              color={severity === "error" ? "danger" : "warning"}
              data-code={code}
            >
              {t(`registration.${severity}`)}
            </Badge>{" "}
            {t.said(reason)} {repair !== undefined && <Quiet>{t.said(repair)}</Quiet>}
            <Code of={code} />
          </>
        ),
        [t("registration.serviceError")]: ({ serviceError = "" }) => t.said(serviceError),
      }}
      widths="0.4fr 0.4fr 1fr 2fr 1.4fr"
      items={numbered}
      idOf={({ at }) => String(at)}
      nameOf={({ code }) => code}
    />
  );
}
