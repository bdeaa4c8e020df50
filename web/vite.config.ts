import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// The report is one file: it is opened from disk, without a server or a network.
export default defineConfig({
  base: "./",
  plugins: [svelte(), viteSingleFile()],
  build: {
    outDir: process.env.LAYERSCOPE_STATIC ?? "../src/layerscope/view/static",
    emptyOutDir: true,
    reportCompressedSize: false,
    modulePreload: false,
  },
});
