/**
 * Builds the console into `dist/console/`, from where the functions serve it. Nothing is loaded from elsewhere, and
 * texts are compiled here, so that no page has to read ICU messages.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Turns catalogues (`text/en.json`, `<room>/fr.json`) into what Lingui shows without reading it anew. */
const catalogues: Plugin = {
  name: "catalogues",
  enforce: "pre",
  load: {
    filter: { id: /\/(?:en|fr)\.json$/ },
    handler(path) {
      const texts = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
      const compiled = Object.entries(texts).map(([id, text]) => [id, compileMessage(text)]);
      const code = `export default ${JSON.stringify(Object.fromEntries(compiled))};`;
      return { code, moduleType: "js" };
    },
  },
};

// oxlint-disable-next-line import/no-default-export -- Vite reads it so
export default defineConfig({
  root: folder,
  base: "/console/",
  plugins: [catalogues, react()],
  build: {
    outDir: "../dist/console",
    emptyOutDir: true,
    target: "es2024",
    // The policy of the pages lets no data: script run, and a request costs little.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: { index: `${folder}index.html`, redirect: `${folder}redirect.html` },
      // One file of all that the first page loads of every room: alone, each would name the same files anew.
      output: {
        codeSplitting: { groups: [{ name: "screens", test: /console[\\/]\w+[\\/]screens\.ts$/ }] },
      },
    },
  },
});
