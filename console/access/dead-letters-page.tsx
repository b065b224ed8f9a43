/** Queue messages that were set aside, with the reason: sent again once it is mended, or discarded; each asks first. */
import { MenuList } from "@fluentui/react-components";
import { MailErrorRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../clients/api.ts";
import { useReadList } from "../api/read.ts";
import { announce } from "../page/announce.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { Listed } from "../page/job/listed.tsx";
import { MayItem } from "../page/may-button.tsx";
import { Code, Empty, Facts, PageFrame } from "../page/page.tsx";
import { deadLettersScreen } from "./screens.ts";
import { useText } from "./text.ts";

const list = "GET /api/v1/dead-letters";
type DeadLetter = BodyOf<typeof list>["value"][number];

export function Page() {
  const t = useText();
  const [{ window: open, message }, change] = deadLettersScreen.useSearchState();
  const reading = useReadList(list, {}, { everySeconds: 30 });
  const close = () => change({ window: undefined, message: undefined }, true);
  const letter = reading.body?.find(({ deadLetterId }) => deadLetterId === message);
  return (
    <PageFrame title={t("access.deadLetters")} lead={t("access.deadLettersLead")}>
      <Listed
        reading={reading}
        label={t("access.deadLetters")}
        idOf={({ deadLetterId }) => deadLetterId}
        nameOf={({ queue, at }) => `${queue}, ${t.dateTime(at)}`}
        columns={{
          [t("access.at")]: ({ at }) => t.dateTime(at),
          [t("access.queue")]: ({ queue }) => queue,
          [t("access.reason")]: ({ reason }) => t.said(reason),
          [t("access.content")]: ({ content }) => <Code of={content.slice(0, 200)} />,
        }}
        widths="1fr 1fr 2fr 2fr"
        renderMenu={(each) => <RowMenu letter={each} />}
        empty={
          <Empty icon={<MailErrorRegular />} title={t("access.noDeadLetter")}>
            {t("access.noDeadLetterWhy")}
          </Empty>
        }
      />
      {letter && open && (
        <CallWindow
          key={open}
          title={t(`access.${open}Title`)}
          verb={t(`access.${open}`)}
          call={calls[open]}
          given={{ params: { deadLetterId: letter.deadLetterId } }}
          onDone={() => {
            if (open === "replay") announce(t("access.replayed"));
            close();
          }}
          onClose={close}
        >
          {t(`access.${open}What`)}
          <What letter={letter} />
        </CallWindow>
      )}
    </PageFrame>
  );
}

function RowMenu({ letter }: { letter: DeadLetter }) {
  const t = useText();
  const change = deadLettersScreen.useChangeSearch();
  const open = (window: "replay" | "discard") => () =>
    change({ window, message: letter.deadLetterId });
  return (
    <MenuList>
      <MayItem
        permission="deadLetters.manage"
        why={letter.replayable ? undefined : t("access.notReplayable")}
        onClick={open("replay")}
      >
        {t("access.replay")}
      </MayItem>
      <MayItem permission="deadLetters.manage" onClick={open("discard")}>
        {t("access.discard")}
      </MayItem>
    </MenuList>
  );
}

const calls = {
  replay: "POST /api/v1/dead-letters/{deadLetterId}/replay",
  discard: "DELETE /api/v1/dead-letters/{deadLetterId}",
} as const;

function What({ letter: { queue, reason, content } }: { letter: DeadLetter }) {
  const t = useText();
  return (
    <Facts
      of={{
        [t("access.queue")]: queue,
        [t("access.reason")]: t.said(reason),
        [t("access.content")]: <Code of={content} />,
      }}
    />
  );
}
