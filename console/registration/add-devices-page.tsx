/** A list of a customer's devices, in five steps: the relationship, the group tag, the file, what is wrong with it, and off. */
import { Button, Link, makeStyles, Spinner, Subtitle1, tokens } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { type ReactNode, useRef, useState } from "react";
import { useAsk } from "../api/ask.ts";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { Line, List } from "../page/look/line.tsx";
import { Note } from "../page/look/note.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Go, PageFrame, useGo } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { saveFile } from "../page/save-file.tsx";
import { CheckField, RadioField, useHeld } from "../page/values/fields.tsx";
import { CheckButton, RouteList, Tie } from "./customer.tsx";
import { bytesOf, Findings } from "./findings.tsx";
import { type ListFile, ListInput } from "./list-input.tsx";
import { addDevicesScreen, customersScreen, partnerRoutes, registrationScreen } from "./screens.ts";
import { TagTable, useTags } from "./tag-table.tsx";
import { useText, type Verdict } from "./text.ts";

const submit = "POST /api/v1/tenants/{tenantId}/registrations";

/** Lists as the routes want them, each with a device whose serial number begins with zeros. */
const samples = {
  graph:
    "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User\r\n0001234567,,PUT-THE-HARDWARE-HASH-HERE,,\r\n",
  partnerCenter:
    "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model\r\n0001234567,,,Contoso Ltd,Contoso 5000\r\n",
};

const useStyles = makeStyles({
  step: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    gap: tokens.spacingVerticalM,
    maxWidth: "1040px",
    overflowWrap: "anywhere",
    "& > h2": { margin: `${tokens.spacingVerticalM} 0 0` },
  },
});

function Step(props: { title: string; children: ReactNode }) {
  return (
    <section className={useStyles().step} aria-label={props.title}>
      <Subtitle1 as="h2">{props.title}</Subtitle1>
      {props.children}
    </section>
  );
}

export function Page() {
  const t = useText();
  const { tenantId } = addDevicesScreen.useParams();
  const [{ tag: asked, route }, change] = addDevicesScreen.useSearchState();
  const tags = useTags(tenantId);
  const tag = asked !== undefined && tags.offered.has(asked) ? asked : undefined;
  const [file, setFile] = useState<(ListFile & { readonly id: string }) | undefined>(undefined);
  // What was ticked for one list is not meant for the next.
  const use = (next: ListFile) => setFile({ ...next, id: crypto.randomUUID() });
  const sample = samples[route === "graph" ? "graph" : "partnerCenter"];
  return (
    <PageFrame
      title={t("registration.add")}
      above={<Go to={customersScreen.at()}>{t("registration.customers")}</Go>}
      lead={
        <Link
          as="button"
          onClick={() => saveFile(new Blob([sample]), t("registration.sampleName"))}
        >
          {t("registration.sample")}
        </Link>
      }
    >
      <Relationship tenantId={tenantId} />
      <Step title={t("registration.step.tag")}>
        <Note intent="warning" title={t("registration.important")}>
          {t("registration.exactly")}
        </Note>
        <TagTable tags={tags} tag={tag} onChange={(value) => change({ tag: value }, true)} />
      </Step>
      <Step title={t("registration.step.list")}>
        <Rules />
        <ListInput file={file} onChange={use} />
      </Step>
      {file && <Judged key={file.id} tenantId={tenantId} file={file} tag={tag} onUse={use} />}
    </PageFrame>
  );
}

function Relationship({ tenantId }: { tenantId: string }) {
  const t = useText();
  const may = useMay();
  const [{ route }, change] = addDevicesScreen.useSearchState();
  const { body } = useRead(
    "GET /api/v1/customers/{tenantId}",
    { params: { tenantId } },
    { enabled: may("relationships.read", tenantId) },
  );
  return (
    <Step title={t("registration.step.relationship")}>
      <div>{t("registration.prepare")}</div>
      {body && (
        <>
          <div>
            <strong>{body.displayName}</strong>
            <Tie customer={body} />
          </div>
          <RouteList of={body.routes} />
          <Line>
            <CheckButton tenantId={tenantId} />
            <Go to={customersScreen.at(undefined, { customer: tenantId })}>
              {t("registration.relationshipOpen")}
            </Go>
          </Line>
        </>
      )}
      <RadioField
        isBare
        label={t("registration.routes")}
        value={route ?? ""}
        values={[
          ["", t("registration.anyWay")],
          ...partnerRoutes.map((each) => [each, t(`registration.route.${each}`)] as const),
        ]}
        onChange={(value) => change({ route: value === "" ? undefined : value }, true)}
      />
    </Step>
  );
}

/** What the service asks of a file, as Microsoft's page has it. */
function Rules() {
  const t = useText();
  return (
    <div>
      {t("registration.rules")}
      <List>
        <li>{t("registration.rule.columns")}</li>
        <li>{t("registration.rule.quotes")}</li>
        <li>{t("registration.rule.ansi")}</li>
        <li>{t("registration.rule.headers")}</li>
      </List>
      {t("registration.rule.excel")} {t("registration.rule.zeros")}
    </div>
  );
}

type JudgedProps = {
  tenantId: string;
  file: ListFile;
  tag: string | undefined;
  onUse: (file: ListFile) => void;
};

/** What the API says of the list, before anything is sent. */
function Judged(props: JudgedProps) {
  const { tenantId, file, onUse } = props;
  const t = useText();
  const { route } = addDevicesScreen.useSearch();
  const given = { params: { tenantId }, file: { type: "text/csv", content: file.content } };
  const query = { dryRun: "true", backEnd: route } as const;
  const asked = useAsk(submit, { ...given, query });
  const { repairsOffered = [] } = asked.body ?? {};
  const repair = repairsOffered.join(",");
  const repaired = useAsk(
    submit,
    repair === "" ? undefined : { ...given, query: { dryRun: "true", repair } },
  );
  return (
    <>
      <Step title={t("registration.step.findings")}>
        {asked.problem && <ProblemView problem={asked.problem} again={asked.again} />}
        {asked.isAsking && <Spinner label={t("registration.judging")} />}
        {asked.body && (
          <Findings
            file={file}
            verdict={asked.body}
            repaired={repaired.body?.repaired}
            onUse={onUse}
          />
        )}
      </Step>
      {asked.body && (
        <Step title={t("registration.step.send")}>
          {route === "file" ? (
            <Files verdict={asked.body} tag={props.tag} />
          ) : (
            <Send {...props} verdict={asked.body} />
          )}
        </Step>
      )}
    </>
  );
}

/** Clean files for the portal, one for each group tag, which is typed in there. */
function Files(props: { verdict: Verdict; tag: string | undefined }) {
  const { files = [], rowsLeftOut = 0 } = props.verdict;
  const t = useText();
  return (
    <>
      <div>{t("registration.filesWhat", { leftOut: rowsLeftOut })}</div>
      {files.map(({ groupTag = props.tag ?? "", rows, contentBase64 }, at) => {
        const name = `autopilot-${at + 1}.csv`;
        return (
          <Line key={name}>
            <Button
              icon={<ArrowDownloadRegular />}
              onClick={() => saveFile(bytesOf(contentBase64), name)}
            >
              {name}
            </Button>
            {t("registration.fileOf", { rows, tag: groupTag })}
          </Line>
        );
      })}
    </>
  );
}

/** The button that registers. */
function Send({ tenantId, file, tag, verdict }: JudgedProps & { verdict: Verdict }) {
  const { backEnd, acceptedRows, errors, fileRejected } = verdict;
  const t = useText();
  const go = useGo();
  const { route } = addDevicesScreen.useSearch();
  const sending = useSend(submit);
  const partial = useHeld(false);
  const isSent = useRef(false);
  const missing = backEnd.allowed ? undefined : t.said(backEnd.missing);
  const isReady = !fileRejected && acceptedRows > 0 && (errors === 0 || partial.value);
  const send = async () => {
    if (isSent.current) return;
    const answer = await sending.send({
      params: { tenantId },
      query: {
        backEnd: route,
        defaultTag: tag,
        ...(partial.value && { partial: "true" as const }),
      },
      file: { type: "text/csv", content: file.content },
    });
    if (answer?.status !== 202) return;
    isSent.current = true;
    const { registrationId } = answer.body;
    go(registrationScreen.at({ tenantId, registrationId }));
  };
  return (
    <>
      <RouteList of={{ [backEnd.id === "corporateIdentifiers" ? "graph" : backEnd.id]: backEnd }} />
      {!fileRejected && errors > 0 && acceptedRows > 0 && (
        <CheckField {...partial} label={t("registration.partial")} />
      )}
      <div>
        <MayButton
          appearance="primary"
          permission="registration.submit"
          why={isReady ? missing : t("registration.notReady")}
          isBusy={sending.isSending}
          onClick={() => void send()}
        >
          {t("registration.send", { count: isReady ? acceptedRows : 0 })}
        </MayButton>
      </div>
      {sending.problem && <ProblemView problem={sending.problem} />}
    </>
  );
}
