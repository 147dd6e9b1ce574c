// @ts-check
import { createElement, useEffect, useRef, useState } from "react";
import "./element.js";
import { createTokenSource } from "./index.js";

/**
 * Private videos in React 18 and 19:
 *
 *     <PlaytokenVideo endpoint="/token" videoId="my-video" hls="/hls.mjs" controls aria-label="My video" />
 *
 * or, with a player of one's own, the source of its tokens:
 *
 *     const source = useTokenSource({ endpoint: "/token", videoId: "my-video" });
 *     useEffect(() => source && attach(hls, source), [source]);
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 * @typedef {import("./index.js").SourceOptions} SourceOptions
 * @typedef {import("./element.js").PlaytokenVideo} Element
 */

/**
 * A source that lives as long as the component and its `videoId` and `endpoint`.
 * @param {SourceOptions} options
 * @returns {TokenSource | undefined} undefined before the component is in the page
 */
export function useTokenSource(options) {
  const [source, setSource] = useState(/** @type {TokenSource | undefined} */ (undefined));
  const { videoId, endpoint } = options;
  useEffect(() => {
    const made = createTokenSource(options);
    setSource(made);
    return () => made.close();
  }, [videoId, endpoint]); // functions are new with every rendering
  return source;
}

/**
 * @typedef {object} VideoProps
 * @property {string} videoId
 * @property {string} [endpoint]
 * @property {string} [hls] the address of hls.js as a module
 * @property {Partial<SourceOptions>} [options] more of what createTokenSource takes
 * @property {object} [hlsSettings] settings of hls.js, where it plays
 * @property {import("react").Ref<Element>} [videoRef]
 * @property {(event: CustomEvent<import("./index.js").Refreshed>) => void} [onTokenRefresh]
 * @property {(event: CustomEvent<import("./index.js").Failed>) => void} [onTokenError]
 * @property {(event: CustomEvent<import("./index.js").Failed>) => void} [onTokenEnd]
 */

/**
 * The element `<playtoken-video>`. Other properties are its attributes, and
 * functions like `onTimeUpdate` listen to its events.
 * @param {VideoProps & Record<string, any>} props
 */
export function PlaytokenVideo({ videoId, options = {}, hlsSettings = {}, videoRef, children, ...others }) {
  const element = useRef(/** @type {Element | null} */ (null));
  /** @type {Record<string, any>} */ const attributes = { "video-id": videoId };
  /** @type {[string, (event: any) => void][]} */ const listeners = [];
  for (const [name, value] of Object.entries(others)) {
    const plain = name === "className" ? "class" : name.toLowerCase();
    if (typeof value === "function") listeners.push([plain.slice("on".length), value]);
    else if (value !== false) attributes[plain] = value; // React 19 sets the property where there is one
  }
  useEffect(() => {
    const here = element.current;
    for (const listener of listeners) here?.addEventListener(...listener);
    return () => listeners.forEach((listener) => here?.removeEventListener(...listener));
  });
  const ref = (/** @type {Element | null} */ here) => {
    element.current = here;
    if (here) Object.assign(here, { options, hlsSettings }); // in time: the element begins a turn later
    if (typeof videoRef === "function") videoRef(here);
    else if (videoRef) videoRef.current = here;
  };
  return createElement("playtoken-video", { ...attributes, ref }, children);
}
