/** What this installation is and how it is, and where the rest of the help stands. */
import { Badge, Link } from "@fluentui/react-components";
import type { ReadName } from "../../clients/api.ts";
import { useConnection } from "../api/connection.tsx";
import { useMe } from "../api/me.ts";
import { type Reading, useRead } from "../api/read.ts";
import { CopyButton } from "../page/copy-button.tsx";
import { Code, Facts, PageFrame } from "../page/page.tsx";
import { RadioField } from "../page/values/fields.tsx";
import { type Language, languages, speak, useLanguage } from "../text/language.ts";
import { useText } from "./text.ts";

const checks = {
  health: "GET /api/v1/health",
  ready: "GET /api/v1/ready",
} as const satisfies Record<string, ReadName>;

/** In words and not by colour alone; a service that is not well says what it lacks. */
function Check({ reading }: { reading: Reading<unknown> }) {
  const t = useText();
  const { problem, body } = reading;
  if (problem !== undefined)
    return (
      <>
        <Badge color="danger">{t("overview.notWell")}</Badge> {t.said(problem.detail)}
      </>
    );
  return body === undefined ? null : <Badge color="success">{t("overview.well")}</Badge>;
}

const Copied = ({ text }: { text: string }) => (
  <>
    <Code of={text} /> <CopyButton size="small" text={() => text} />
  </>
);

export function Page() {
  const t = useText();
  const language = useLanguage();
  const { config } = useConnection();
  const { body: me } = useMe();
  const health = useRead(checks.health, {}, { every: () => 30 });
  const ready = useRead(checks.ready, {}, { every: () => 30 });
  const roles = [...new Set(me?.assignments.map(({ assignment }) => assignment.roleId))];
  return (
    <PageFrame title={t("overview.about")} lead={t("overview.aboutLead")}>
      <Facts
        of={{
          [t("overview.version")]: <Copied text={config.version} />,
          [t("overview.health")]: <Check reading={health} />,
          [t("overview.ready")]: <Check reading={ready} />,
          [t("overview.you")]: [me?.name, ...roles.map((role) => t.named("roles", role))]
            .filter(Boolean)
            .join(", "),
          [t("frame.language")]: (
            <RadioField
              isBare
              label={t("frame.language")}
              value={language}
              values={Object.entries(languages).map(([id, label]) => [
                id as Language,
                <span key={id} lang={id}>
                  {label}
                </span>,
              ])}
              onChange={speak}
            />
          ),
          [t("overview.document")]: (
            <Link href="/api/v1/openapi.json" target="_blank" rel="noreferrer">
              openapi.json
            </Link>
          ),
          [t("overview.command")]: <Copied text="npm run muster" />,
        }}
      />
    </PageFrame>
  );
}
