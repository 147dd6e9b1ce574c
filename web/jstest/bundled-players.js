import "vidstack/player";
import { StrictMode, createElement } from "react";
import { createRoot } from "react-dom/client";
import { PlaytokenVideo } from "../sdk/src/react.js";

/** Shows the component of the package, as development shows it: mounted twice. */
globalThis.react = {
  show: (parent, props) => createRoot(parent.appendChild(document.createElement("div"))).render(createElement(StrictMode, null, createElement(PlaytokenVideo, props))),
};
