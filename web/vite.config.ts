import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// Each page is one file: the report is opened from disk, without a server or a network, and the
// server's own pages fetch nothing but data. `--mode serve` and `--mode live` build those, and
// `--mode widget` the script that a notebook loads.
const PAGES: Record<string, string> = { production: "index.html", serve: "serve.html", live: "live.html" };
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: mode === "widget" ? [] : [svelte(), viteSingleFile()],
  build: {
    outDir: process.env.LAYERSCOPE_STATIC ?? "../src/layerscope/view/static",
    emptyOutDir: mode === "production",
    reportCompressedSize: false,
    modulePreload: false,
    ...(mode === "widget"
      ? { lib: { entry: here("./src/widget.ts"), formats: ["es" as const], fileName: () => "widget.js" } }
      : { rollupOptions: { input: here(`./${PAGES[mode] ?? "index.html"}`) } }),
  },
}));
