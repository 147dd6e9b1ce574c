// @ts-check
/**
 * Reads HLS playlists (RFC 8216) of the one kind that MsePlayer plays: video
 * on demand in fragmented MP4, one segment per file, in the clear. Everything
 * else is refused by name rather than played wrongly.
 */

/**
 * @typedef {object} Variant
 * @property {string} url
 * @property {number} bandwidth  bits per second, at most
 * @property {string} codecs     as in a MIME type
 * @property {string} resolution "640x360", or "" if not told
 *
 * @typedef {object} Segment
 * @property {string} url
 * @property {number} start    seconds
 * @property {number} duration seconds
 *
 * @typedef {{kind: "master", variants: Variant[]}} Master
 * @typedef {{kind: "media", init: string, segments: Segment[], duration: number}} Media
 */

export class PlaylistError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(`playlist: ${message}`);
    this.name = "PlaylistError";
    this.code = "playlist_unsupported";
  }
}

const maxLines = 100_000;

/** Tags that change what the media is, and that we do not play. */
const refused = {
  "EXT-X-BYTERANGE": "byte ranges",
  "EXT-X-DISCONTINUITY": "discontinuities",
  "EXT-X-I-FRAMES-ONLY": "I-frame playlists",
  "EXT-X-GAP": "gaps",
  "EXT-X-PART": "low-latency parts",
  "EXT-X-DEFINE": "variables",
};

/**
 * @param {string} text
 * @param {string} base the playlist's own URL
 * @returns {Master | Media}
 */
export function parsePlaylist(text, base) {
  const lines = text.split(/\r?\n/, maxLines + 1).map((line) => line.trim());
  if (lines.length > maxLines) throw new PlaylistError("too long");
  if (lines[0] !== "#EXTM3U") throw new PlaylistError("does not begin with #EXTM3U");
  const tags = lines.slice(1).filter((line) => line && (!line.startsWith("#") || line.startsWith("#EXT")));
  for (const [tag, what] of Object.entries(refused)) {
    if (tags.some((line) => nameOf(line) === tag)) throw new PlaylistError(`${what} are not supported`);
  }
  return tags.some((line) => nameOf(line) === "EXT-X-STREAM-INF") ? master(tags, base) : media(tags, base);
}

/** @param {string[]} tags @param {string} base @returns {Master} */
function master(tags, base) {
  const variants = [];
  for (const [i, line] of tags.entries()) {
    if (nameOf(line) !== "EXT-X-STREAM-INF") continue;
    const attributes = attributesOf(line);
    const uri = tags[i + 1];
    if (!uri || uri.startsWith("#")) throw new PlaylistError("a stream without a URI");
    if (attributes.AUDIO) throw new PlaylistError("separate audio is not supported");
    variants.push({
      url: resolve(uri, base),
      bandwidth: number(attributes.BANDWIDTH, "BANDWIDTH"),
      codecs: attributes.CODECS ?? "",
      resolution: attributes.RESOLUTION ?? "",
    });
  }
  return { kind: "master", variants };
}

/** @param {string[]} tags @param {string} base @returns {Media} */
function media(tags, base) {
  let init = "";
  let duration; // of the segment whose URI comes next
  let start = 0;
  let ended = false;
  /** @type {Segment[]} */
  const segments = [];
  for (const line of tags) {
    switch (line.startsWith("#") ? nameOf(line) : "URI") {
      case "EXT-X-MAP":
        init = onlyInit(init, attributesOf(line), base);
        break;
      case "EXT-X-KEY":
        if (attributesOf(line).METHOD !== "NONE") throw new PlaylistError("encryption is not supported");
        break;
      case "EXTINF":
        duration = number(line.slice("#EXTINF:".length).split(",")[0], "EXTINF");
        break;
      case "EXT-X-ENDLIST":
        ended = true;
        break;
      case "URI":
        if (duration === undefined) throw new PlaylistError("a segment without EXTINF");
        segments.push({ url: resolve(line, base), start, duration });
        start += duration;
        duration = undefined;
    }
  }
  if (!ended) throw new PlaylistError("live streams are not supported");
  if (!init) throw new PlaylistError("only fragmented MP4 is supported (no EXT-X-MAP)");
  if (!segments.length) throw new PlaylistError("no segments");
  return { kind: "media", init, segments, duration: start };
}

/** @param {string} seen @param {Record<string, string>} attributes @param {string} base */
function onlyInit(seen, attributes, base) {
  if (seen) throw new PlaylistError("a second EXT-X-MAP is not supported");
  if (attributes.BYTERANGE) throw new PlaylistError("byte ranges are not supported");
  if (!attributes.URI) throw new PlaylistError("EXT-X-MAP without a URI");
  return resolve(attributes.URI, base);
}

/** @param {string} line */
function nameOf(line) {
  return line.startsWith("#") ? line.slice(1).split(":", 1)[0] : "";
}

/** @param {string} line @returns {Record<string, string>} */
function attributesOf(line) {
  const attributes = Object.create(null);
  const list = line.slice(line.indexOf(":") + 1);
  for (const [, name, quoted, plain] of list.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^",]*))(?:,|$)/g)) {
    attributes[name] = quoted ?? plain;
  }
  return attributes;
}

/** @param {string | undefined} text @param {string} of */
function number(text, of) {
  if (!text || !/^\d{1,12}(\.\d{1,12})?$/.test(text) || Number(text) <= 0) throw new PlaylistError(`${of} is not a positive number`);
  return Number(text);
}

/** @param {string} uri @param {string} base */
function resolve(uri, base) {
  let url;
  try {
    url = new URL(uri, base);
  } catch {
    throw new PlaylistError("a malformed URI");
  }
  // Anything else has no business in a playlist that came over HTTP.
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new PlaylistError("a URI that is not HTTP");
  return url.href;
}
