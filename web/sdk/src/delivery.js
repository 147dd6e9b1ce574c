// @ts-check
/**
 * How a token travels with a player's requests, as the member `delivery` of the
 * token's answer says. The adapters know no platform: they know this.
 *
 * @typedef {import("./index.js").PlaybackToken} PlaybackToken
 * @typedef {import("./index.js").TokenSource} TokenSource
 *
 * @typedef {object} Travel
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {boolean} credentials whether the site's cookies go along
 */

/** Seconds for which a player's request waits while the page's back end fails. */
export const patience = 600;

/** @param {number} status whether another token may help */
export const refused = (status) => status === 401 || status === 403;

/**
 * Puts tokens on the requests of one player, and learns which were refused.
 * @param {TokenSource} source
 * @param {(token: PlaybackToken) => void} reload
 *   takes a token's address in place of the old one, where a platform wants that
 * @param {"hls" | "dash"} [kind] of the token's addresses, which the player opens
 */
export function requestsOf(source, reload, kind = "hls") {
  /** The token whose address is being played. @type {PlaybackToken | undefined} */ let opened;
  return {
    /** The token to open the video with. */
    open: async () => (opened = await source.get({ patience })),

    /** A request as it may be sent now. @param {string} address absolute */
    async next(address) {
      const token = opened && reloads(opened) ? opened : await source.get({ patience });
      opened ??= token;
      return { token, ...travel(address, token, opened.urls[kind]) };
    },

    /**
     * Takes the status of an answer.
     * @param {PlaybackToken | undefined} token that the request had
     * @param {number} status
     * @returns {Promise<PlaybackToken | undefined>} another, with which the request may be sent again
     */
    async answered(token, status) {
      if (!token) return;
      if (status > 199 && status < 300) source.accepted(token);
      if (!refused(status)) return;
      const next = await source.refused(token, { patience }).catch(() => undefined); // the source has told why
      if (!next || !reloads(next)) return next;
      if (opened !== next) reload((opened = next));
    },
  };
}

/** Whether a running player takes a new address, rather than new requests. @param {PlaybackToken} token */
const reloads = ({ delivery }) => delivery.renew !== "request";

/**
 * A request as it may be sent now. Tokens go to the origin of the video and to
 * no other host that a playlist names.
 * @param {string} address absolute
 * @param {PlaybackToken} token the newest
 * @param {string} [playing] the address that is being played
 * @returns {Travel}
 */
export function travel(address, token, playing) {
  const { place, name, renew, carry = [] } = token.delivery;
  const travel = { url: address, headers: {}, credentials: false };
  if (!playing || address === token.urls.hls) return travel;
  const { origin, search } = new URL(playing);
  if (new URL(address).origin !== origin) return travel;
  const carried = search.slice(1).split("&").filter((part) => carry.includes(nameOf(part)));
  travel.url = put(address, carried.join("&"));
  if (renew !== "request") return travel;
  if (place === "query") travel.url = put(travel.url, name ? name + "=" + token.token : token.token);
  if (place === "header") travel.headers = { [name]: (/^authorization$/i.test(name) ? "Bearer " : "") + token.token };
  travel.credentials = place === "cookie";
  return travel;
}

/** Puts parameters into an address in place of those of the same names. @param {string} address @param {string} added */
function put(address, added) {
  if (!added) return address;
  const names = added.split("&").map(nameOf);
  const [, path, query, hash] = /** @type {string[]} */ (/^([^?#]*)\??([^#]*)(.*)/s.exec(address));
  const kept = query.split("&").filter((part) => part && !names.includes(nameOf(part)));
  return path + "?" + [...kept, added].join("&") + hash;
}

/** @param {string} part of a query */
const nameOf = (part) => part.split("=")[0];
