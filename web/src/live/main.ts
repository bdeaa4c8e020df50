import { mount } from "svelte";
import "../app.css";
import "../chart.css";
import Live from "./Live.svelte";

mount(Live, { target: document.getElementById("app")! });
