import { mount } from "svelte";
import App from "./App.svelte";
import { readAtlas } from "./lib/source";
import RowsApp from "./rows/RowsApp.svelte";
import type { RowsAtlas } from "./rows/formats";
import "./app.css";
import "./chart.css";
import "./kinds.css";

const target = document.getElementById("app")!;
void Promise.all([readAtlas(), readAtlas("layerscope-beside-atlas")]).then(([given, other]) => {
  // Networks of words and numbers have a document, and a page, of their own.
  if (given && "kind" in given) mount(RowsApp, { target, props: { atlas: given as unknown as RowsAtlas } });
  else mount(App, { target, props: { given, other } });
});
