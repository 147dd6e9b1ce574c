// @ts-check
/**
 * A browser's source of playback tokens: one token that stays alive while a
 * player plays.
 *
 * It asks the page's OWN back end, never the token service: the service's API
 * key must not reach a browser. That back end knows who is logged in, decides
 * whether they may watch, and forwards one call, with `respond` of
 * `playtoken/server` or by itself: POST {"video_id"} with the API key, and the
 * service's answer, status included, to the page. README.md has it in full.
 *
 *     const source = createTokenSource({ endpoint: "/token", videoId: "my-video" });
 *     source.watch(document.querySelector("video"));
 *     const { urls } = await source.get();
 */

import { TokenSource as Source } from "./source.js";

export { TokenError } from "./error.js";

/** @typedef {import("./source.js").Listening & import("./source.js").TokenSource} TokenSource */
/** @typedef {import("./source.js").SourceOptions} SourceOptions */
/** @typedef {import("./source.js").Refreshed} Refreshed */
/** @typedef {import("./source.js").Failed} Failed */
/** @typedef {import("./answer.js").PlaybackToken} PlaybackToken */
/** @typedef {import("./answer.js").Delivery} Delivery */
/** @typedef {import("./answer.js").Urls} Urls */
/** @typedef {import("./answer.js").TokenAnswer} TokenAnswer */
/** @typedef {import("./error.js").Reason} Reason */

/**
 * Makes the source of one video's tokens. It requests nothing before get or
 * prefetch is called, and refreshes by itself only while a player plays.
 * @param {SourceOptions} options
 * @returns {TokenSource}
 */
export function createTokenSource(options) {
  return /** @type {TokenSource} */ (new Source(options));
}
