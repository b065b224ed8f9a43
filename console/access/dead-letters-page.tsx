/** Queue messages that were set aside, with the reason: sent again once it is mended, or discarded; each asks first. */
import { MenuList } from "@fluentui/react-components";
import { MailErrorRegular } from "@fluentui/react-icons";
import type { Answered } from "../../clients/api.ts";
import { useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { Said } from "../page/job/reason.tsx";
import { MayItem } from "../page/may-button.tsx";
import { Code, Facts, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { AskWindow } from "../page/window.tsx";
import { useFormat } from "../text/format.ts";
import { deadLettersScreen } from "./screens.ts";
import { useText } from "./text.ts";

const list = "GET /api/v1/dead-letters";
type DeadLetter = Extract<Answered<typeof list>, { readonly status: 200 }>["body"]["value"][number];

/** The page. */
export function Page() {
  const t = useText();
  const { window: open, message } = deadLettersScreen.useSearch();
  const reading = useReadList(list, {}, { everySeconds: 30 });
  const letter = reading.body?.find(({ deadLetterId }) => deadLetterId === message);
  return (
    <PageFrame title={t("access.deadLetters")} lead={t("access.deadLettersLead")}>
      <Shown reading={reading}>
        {(letters) =>
          letters.length === 0 && !reading.hasMore ? (
            <Empty icon={<MailErrorRegular />} title={t("access.noDeadLetter")}>
              {t("access.noDeadLetterWhy")}
            </Empty>
          ) : (
            <Table letters={letters} hasMore={reading.hasMore} readMore={reading.readMore} />
          )
        }
      </Shown>
      {letter && open === "replay" && <ReplayWindow letter={letter} />}
      {letter && open === "discard" && <DiscardWindow letter={letter} />}
    </PageFrame>
  );
}

function Table(props: {
  readonly letters: readonly DeadLetter[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { letters, hasMore, readMore } = props;
  const t = useText();
  const { dateTime } = useFormat();
  const columns = [
    { id: "at", title: t("access.at"), render: ({ at }: DeadLetter) => dateTime(at) },
    { id: "queue", title: t("access.queue"), render: ({ queue }: DeadLetter) => queue },
    {
      id: "reason",
      title: t("access.reason"),
      width: "2fr",
      render: ({ reason }: DeadLetter) => <Said text={reason} />,
    },
    {
      id: "content",
      title: t("access.content"),
      width: "2fr",
      render: ({ content }: DeadLetter) => <Code of={content.slice(0, 200)} />,
    },
  ];
  return (
    <Rows
      label={t("access.deadLetters")}
      columns={columns}
      items={letters}
      idOf={({ deadLetterId }) => deadLetterId}
      nameOf={({ queue, at }) => `${queue}, ${dateTime(at)}`}
      hasMore={hasMore}
      readMore={readMore}
      renderMenu={(letter) => <RowMenu letter={letter} />}
    />
  );
}

function RowMenu({ letter }: { readonly letter: DeadLetter }) {
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

const useClose = () => {
  const change = deadLettersScreen.useChangeSearch();
  return () => change({ window: undefined, message: undefined }, true);
};

function ReplayWindow({ letter }: { readonly letter: DeadLetter }) {
  const t = useText();
  const close = useClose();
  const sending = useSend("POST /api/v1/dead-letters/{deadLetterId}/replay");
  return (
    <AskWindow
      title={t("access.replayTitle")}
      verb={t("access.replay")}
      sending={sending}
      onDo={() => sending.send({ params: { deadLetterId: letter.deadLetterId } })}
      onDone={() => {
        announce(t("access.replayed"));
        close();
      }}
      onClose={close}
    >
      {t("access.replayWhat")}
      <What letter={letter} />
    </AskWindow>
  );
}

function DiscardWindow({ letter }: { readonly letter: DeadLetter }) {
  const t = useText();
  const close = useClose();
  const sending = useSend("DELETE /api/v1/dead-letters/{deadLetterId}");
  return (
    <AskWindow
      title={t("access.discardTitle")}
      verb={t("access.discard")}
      sending={sending}
      onDo={() => sending.send({ params: { deadLetterId: letter.deadLetterId } })}
      onClose={close}
    >
      {t("access.discardWhat")}
      <What letter={letter} />
    </AskWindow>
  );
}

function What({ letter: { queue, reason, content } }: { readonly letter: DeadLetter }) {
  const t = useText();
  return (
    <Facts
      of={{
        [t("access.queue")]: queue,
        [t("access.reason")]: <Said text={reason} />,
        [t("access.content")]: <Code of={content} />,
      }}
    />
  );
}
