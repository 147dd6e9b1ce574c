// @ts-check
/**
 * A player in a frame with tokens that stay fresh. In place of `frame.src = url`:
 *
 *     attach(frame, source);
 *
 * Frames of a playtoken gate ask for a token when they need one (docs/embed.md);
 * those of other platforms never do, and are left as they are. While a frame
 * plays a token is kept ready for it.
 *
 * @typedef {import("./index.js").TokenSource} TokenSource
 */

const patience = 25; // seconds; the frame waits for 30

/**
 * Shows the source's video and answers when the frame asks for a token. The
 * other messages of the frame become events of the element:
 * `playtoken:ready`, `playtoken:time`, `playtoken:ended`, `playtoken:error`.
 * @param {HTMLIFrameElement} frame
 * @param {TokenSource} source
 * @param {Record<string, string>} [parameters] of the embed page, such as {autoplay: "1"}
 * @returns {() => void} stops that
 */
export function attach(frame, source, parameters = {}) {
  const listening = new AbortController();
  const { signal } = listening;
  let origin = "";
  /** @type {import("./index.js").PlaybackToken | undefined} */ let shown;
  /** @type {(() => void) | undefined} */ let release;
  const plays = (/** @type {boolean} */ playing) => {
    if (playing) release ??= source.keepFresh();
    else release = void release?.();
  };
  const send = (/** @type {object} */ message) =>
    frame.contentWindow?.postMessage({ protocol: "playtoken", version: 1, ...message }, origin);
  const hear = async (/** @type {MessageEvent} */ { source: from, origin: of, data }) => {
    if (from !== frame.contentWindow || of !== origin || data?.protocol !== "playtoken" || data.version !== 1) return;
    if (data.type !== "needs-token") {
      if (data.type === "time" && !data.paused && shown) source.accepted(shown);
      if (data.type !== "ready") plays(data.type === "time" && !data.paused);
      return frame.dispatchEvent(new CustomEvent(`playtoken:${data.type}`, { detail: data }));
    }
    try {
      if (shown) shown = await source.refused(shown, { signal, patience });
      if (shown) send({ type: "token", token: shown.token });
    } catch {
      // The source has told why, and the frame will.
    }
  };
  addEventListener("message", hear, { signal });
  frame.addEventListener("load", () => origin && send({ type: "hello" }), { signal });
  source.get({ signal, patience }).then((token) => {
    shown = token;
    if (!token.urls.embed) return;
    const address = new URL(token.urls.embed);
    for (const name in parameters) address.searchParams.set(name, parameters[name]);
    origin = address.origin;
    frame.src = address.href;
  }, () => {}); // the source has told why
  return () => {
    listening.abort();
    plays(false);
  };
}
