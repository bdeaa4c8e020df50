import { mount } from "svelte";
import "../app.css";
import Server from "./Server.svelte";

mount(Server, { target: document.getElementById("app")! });
