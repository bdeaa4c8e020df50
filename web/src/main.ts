import { mount } from "svelte";
import App from "./App.svelte";
import { readAtlas } from "./lib/source";
import "./app.css";
import "./kinds.css";

void readAtlas().then((given) => mount(App, { target: document.getElementById("app")!, props: { given } }));
