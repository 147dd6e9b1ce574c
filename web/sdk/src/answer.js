// @ts-check
import { TokenError } from "./error.js";

/**
 * How a player delivers a token to the platform. Send a token to the origin of
 * `urls.hls` only. Landing and embed addresses are opened as they are.
 * @typedef {object} Delivery
 * @property {"query" | "path" | "cookie" | "header"} place where the platform reads the token
 * @property {string} name
 *   of the query parameter, cookie or header; of a path, the segment before the
 *   token. With an empty name in the query, the token is a query by itself.
 * @property {"url" | "request" | "none"} renew
 *   `request`: put the newest token on every request of the player. `url`: load
 *   the newest address in place of the old one. `none`: what was opened goes on.
 * @property {boolean} [session]
 *   what a token opened outlives it: a player whose requests cannot be changed
 *   is reloaded only after a refusal
 * @property {string[]} [carry] query parameters of the played address that each request below it carries, too
 */

/**
 * Addresses with the token in them; those that the platform has.
 * @typedef {object} Urls
 * @property {string} [hls]
 * @property {string} [dash]
 * @property {string} [embed]
 * @property {string} [landing]
 * @property {string} [mp4]
 */

/**
 * What the service answers, as the page's back end passes it on.
 * @typedef {object} TokenAnswer
 * @property {string} token
 * @property {string} video_id
 * @property {number} expires_in seconds
 * @property {string | null} [key_id]
 * @property {string} [issued_at]
 * @property {string} [expires_at]
 * @property {string} [refresh_at]
 * @property {Urls} [urls]
 * @property {Delivery} [delivery]
 * @property {Record<string, string>} [tokens] by kind, where several were asked for
 */

/**
 * @typedef {object} TokenMembers
 * @property {string} token
 * @property {string} videoId
 * @property {string} keyId       of the key that signed it; "" where tokens name none
 * @property {number} life        seconds, counted from when it was asked for
 * @property {number} refreshIn   seconds, the same way
 * @property {Readonly<Urls>} urls
 * @property {Readonly<Delivery>} delivery
 * @property {Readonly<Record<string, string>>} tokens by kind
 */

/** A token as the page has it. @typedef {Readonly<TokenMembers>} PlaybackToken */

/**
 * Checks an answer.
 * @param {string} videoId
 * @param {any} answer
 * @returns {PlaybackToken}
 */
export function readAnswer(videoId, answer) {
  const life = Number(answer?.expires_in); // a back end of the page's own may write it as text
  if (typeof answer?.token !== "string" || answer.video_id !== videoId || !(life > 0)) {
    throw new TokenError("asking for a playback token: not a token answer", { reason: "bad_answer" });
  }
  // Two of the service's own times: their difference needs no clock of ours.
  const margin = (Date.parse(answer.expires_at) - Date.parse(answer.refresh_at)) / 1000;
  return Object.freeze({
    token: answer.token,
    videoId,
    keyId: answer.key_id ?? "",
    life,
    refreshIn: margin > 0 && margin < life ? life - margin : life * 0.75,
    urls: Object.freeze({ ...answer.urls }),
    delivery: Object.freeze(deliveryOf(answer)),
    tokens: Object.freeze({ ...answer.tokens }),
  });
}

/** @param {any} answer @returns {Delivery} */
function deliveryOf({ token, urls, delivery }) {
  if (delivery) return known(delivery) ? delivery : { ...delivery, renew: "url" };
  // An older service does not say. Where the address has the token in its query,
  // every request may.
  const query = new URLSearchParams(String(urls?.hls).split(/[?#]/)[1]);
  const name = [...query].find(([, value]) => value === token)?.[0] ?? "";
  return { place: "query", name, renew: name ? "request" : "url" };
}

/** @param {Delivery} delivery whether this code can act on it, or it is of a newer service */
function known({ place, renew }) {
  return ["query", "path", "cookie", "header"].includes(place) && ["url", "request", "none"].includes(renew);
}
