// @ts-check
/** What to tell a viewer, by the `code` of the problem that stopped playback. */

// The gate's pages of refusals begin with the same sentences; a test compares.
const there = "Open the video again from the page where you found it.";

// A page that gets tokens has a new one when it is reloaded; one that was
// opened by a link has to be opened by a new link.
const again = `Reload the page; if that does not help, open the video again from where you found it.`;

/** @type {Record<string, string>} */
const messages = {
  token_missing: "This video is private, and this link carries no permission to watch it.",
  token_malformed: `This link is damaged. ${there}`,
  token_expired: `This link has expired. ${again}`,
  token_not_yet_valid: "This link is not valid yet. Try again in a moment.",
  token_life_too_long: `This link cannot be used. ${there}`,
  key_unknown: `This link is no longer in use. ${again}`,
  signature_invalid: `This link is not genuine. ${there}`,
  video_not_allowed: `This link is for another video. ${there}`,
  session_ended: `This viewing session was ended. ${again}`,
  stream_limit: "You are watching in too many places. Stop the video on another device, then open it here again.",
  video_unavailable: "This video is not available. The owner of this site has been told why.",
  not_found: "This video does not exist. It may have been moved or removed.",
  not_entitled: "You are not allowed to watch this video.",
  unauthenticated: "Please sign in to watch this video.",
  no_active_key: "The video is being prepared. Playback starts by itself in a moment.",
  rate_limited: "Too many requests. Playback goes on by itself in a moment.",
  network: "The connection was lost. Playback goes on when it is back; if it does not, reload the page.",
  playlist_unsupported: "This video is of a kind that this player cannot play.",
  library_missing: "This video is of a kind that this player cannot play, because the site was built without hls.js.",
  codecs_unsupported: "This browser cannot decode this video. Another browser may.",
  media_error: "The browser could not decode this video.",
  no_player: "This browser can play neither Media Source Extensions nor HLS.",
};

/** What a server without codes of its own means. @type {Record<string, string>} */
const statuses = { http_401: "token_expired", http_403: "session_ended", http_404: "not_found", http_422: "video_unavailable" };

/** @param {string} code @returns {string} */
export function messageFor(code) {
  const known = statuses[code] ?? code;
  return Object.hasOwn(messages, known) ? messages[known] : "The video cannot be played right now. Try again in a moment.";
}
