/**
 * Muster's console: what admins see and click. It stands on the API alone (`clients/api.ts`): from the app it has types
 * and nothing else. Rooms import downwards: `text/`, `session/`, `api/`, `page/`, `frame/`, then a room for each job with its
 * screens, which `screens.ts` lists. README.md says how to add one.
 */
import { FluentProvider, makeStaticStyles } from "@fluentui/react-components";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ConnectionProvider, connect, newQueryClient } from "./api/connection.tsx";
import { routerOf } from "./frame/router.tsx";
import { useTheme } from "./frame/theme.ts";
import { screens } from "./screens.ts";
import { readConfig } from "./session/config.ts";
import { takeUpSession } from "./session/sign-in.ts";
import { beginLanguage } from "./text/language.ts";
import { useSharedText } from "./text/text.ts";

const useStaticStyles = makeStaticStyles({
  body: { margin: 0 },
  // Whoever asks for less movement gets none.
  "@media (prefers-reduced-motion: reduce)": {
    "*, *::before, *::after": {
      animationDuration: "0.01ms !important",
      transitionDuration: "0.01ms !important",
    },
  },
});

const router = routerOf(screens);
const queries = newQueryClient();

function Console({ connection }: { connection: ReturnType<typeof connect> }) {
  useStaticStyles();
  return (
    <FluentProvider theme={useTheme()}>
      <QueryClientProvider client={queries}>
        <ConnectionProvider value={connection}>
          <RouterProvider router={router} />
        </ConnectionProvider>
      </QueryClientProvider>
    </FluentProvider>
  );
}

/** Nothing can be shown: the installation does not answer, or the sign-in came to nothing. */
function NotBegun({ cause }: { cause: unknown }) {
  const t = useSharedText();
  return (
    <FluentProvider theme={useTheme()}>
      <main style={{ padding: "24px" }}>
        <h1>{t("frame.notBegun")}</h1>
        <p>{cause instanceof Error ? cause.message : String(cause)}</p>
        <button type="button" onClick={() => location.assign("/console/")}>
          {t("shared.retry")}
        </button>
      </main>
    </FluentProvider>
  );
}

async function begin(): Promise<void> {
  beginLanguage();
  const root = createRoot(document.getElementById("console") as HTMLElement);
  try {
    const config = await readConfig();
    const session = await takeUpSession(config);
    // The address is come back to, with all that it says.
    if (session.account === undefined) return await session.signIn();
    const connection = connect(config, session);
    root.render(
      <StrictMode>
        <Console connection={connection} />
      </StrictMode>,
    );
  } catch (cause) {
    root.render(<NotBegun cause={cause} />);
  }
}

await begin();
