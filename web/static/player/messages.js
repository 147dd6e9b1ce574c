// @ts-check
/** What to tell a viewer, by the `code` of the problem that stopped playback. */

// A page that gets tokens has a new one when it is reloaded; one that was
// opened by a link has to be opened by a new link.
const again = "Reload the page; if that does not help, open the video again from where you found it.";

/** @type {Record<string, string>} */
const messages = {
  token_expired: `This link has expired. ${again}`,
  token_missing: "This video is private, and this link carries no permission to watch it.",
  token_malformed: "This link is damaged. Open it again from where you found it.",
  signature_invalid: "This link is not genuine. Open the video again from where you found it.",
  token_not_yet_valid: "This link is not valid yet. Try again in a moment.",
  key_unknown: `This link was signed with a key that is no longer in use. ${again}`,
  video_not_allowed: "This link does not allow watching this video.",
  session_ended: `This viewing session was ended. ${again}`,
  not_entitled: "You are not allowed to watch this video.",
  unauthenticated: "Please sign in to watch this video.",
  no_active_key: "The video is being prepared. Playback starts by itself in a moment.",
  rate_limited: "Too many requests. Playback goes on by itself in a moment.",
  network: "The connection was lost. Playback goes on when it is back; if it does not, reload the page.",
  playlist_unsupported: "This stream is of a kind that this player cannot play.",
  media_error: "The browser could not decode this video.",
  no_player: "This browser can play neither Media Source Extensions nor HLS.",
};

/** @param {string} code @returns {string} */
export function messageFor(code) {
  return Object.hasOwn(messages, code) ? messages[code] : "The video cannot be played right now. Try again in a moment.";
}
