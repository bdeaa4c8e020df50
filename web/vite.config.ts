import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// Each page is one file: the report is opened from disk, without a server or a network, and the
// server's own pages fetch nothing but data. `--mode serve` and `--mode live` build those from the
// same head, and `--mode widget` the script that a notebook loads.
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** A page of the server: it starts in a folder of its own, and no atlas stands in it. */
function serverPage(name: string): Plugin {
  return {
    name: "layerscope-server-page",
    enforce: "post",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace(/^.*<script id="layerscope-.*\n/gm, "").replace("/src/main.ts", `/src/${name}/main.ts`),
    },
    generateBundle(_, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("the page was not built");
      delete bundle["index.html"];
      this.emitFile({ type: "asset", fileName: `${name}.html`, source: page.source });
    },
  };
}

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: mode === "widget" ? [] : [svelte(), viteSingleFile(), ...(mode === "production" ? [] : [serverPage(mode)])],
  build: {
    outDir: process.env.LAYERSCOPE_STATIC ?? "../src/layerscope/view/static",
    emptyOutDir: mode === "production",
    reportCompressedSize: false,
    modulePreload: false,
    ...(mode === "widget"
      ? { lib: { entry: here("./src/widget.ts"), formats: ["es" as const], fileName: () => "widget.js" } }
      : { rollupOptions: { input: here("./index.html") } }),
  },
}));
