import { test } from "node:test";
import assert from "node:assert/strict";
import { parsePlaylist } from "../static/player/playlist.js";

const base = "https://media.test/counter/hls.m3u8?jwt=SECRET";

const master = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
# a comment
#EXT-X-STREAM-INF:BANDWIDTH=37796,RESOLUTION=320x180,FRAME-RATE=12.000,CODECS="avc1.4d401e,mp4a.40.2"
180/index.m3u8?ticket=abc
#EXT-X-STREAM-INF:CODECS="avc1.4d401e,mp4a.40.2",BANDWIDTH=46993
https://other.test/360/index.m3u8
`;

const media = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:5
#EXT-X-MAP:URI="init.mp4?ticket=abc"
#EXTINF:5.000000,
0.m4s?ticket=abc
#EXTINF:2.5,a title, with a comma
1.m4s
#EXT-X-ENDLIST
`;

test("a master playlist gives its renditions, resolved and without the token", () => {
  assert.deepEqual(parsePlaylist(master, base), {
    kind: "master",
    variants: [
      { url: "https://media.test/counter/180/index.m3u8?ticket=abc", bandwidth: 37796, codecs: "avc1.4d401e,mp4a.40.2", resolution: "320x180" },
      { url: "https://other.test/360/index.m3u8", bandwidth: 46993, codecs: "avc1.4d401e,mp4a.40.2", resolution: "" },
    ],
  });
});

test("a media playlist gives its segments on one time line", () => {
  assert.deepEqual(parsePlaylist(media, base), {
    kind: "media",
    init: "https://media.test/counter/init.mp4?ticket=abc",
    segments: [
      { url: "https://media.test/counter/0.m4s?ticket=abc", start: 0, duration: 5 },
      { url: "https://media.test/counter/1.m4s", start: 5, duration: 2.5 },
    ],
    duration: 7.5,
  });
});

test("line ends of either kind, blank lines and unknown tags are fine", () => {
  const spaced = media.replaceAll("\n", "\r\n").replace("#EXTINF:2.5", "\r\n#EXT-X-NEW-THING:A=1\r\n#EXTINF:2.5");
  assert.equal(parsePlaylist(spaced, base).segments.length, 2);
});

/** What is refused: a name, the playlist, and what the message says. */
const refusals = [
  ["HTML", "<!doctype html>", /#EXTM3U/],
  ["nothing", "", /#EXTM3U/],
  ["a live stream", media.replace("#EXT-X-ENDLIST", ""), /live/],
  ["MPEG transport streams", media.replace(/#EXT-X-MAP.*\n/, ""), /fragmented MP4/],
  ["encryption", media.replace("#EXTINF:5", '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF:5'), /encryption/],
  ["byte ranges", media.replace("0.m4s", "#EXT-X-BYTERANGE:100@0\n0.m4s"), /byte ranges/],
  ["a byte range of the init segment", media.replace('abc"', 'abc",BYTERANGE="10@0"'), /byte ranges/],
  ["a discontinuity", media.replace("#EXTINF:2.5", "#EXT-X-DISCONTINUITY\n#EXTINF:2.5"), /discontinuities/],
  ["a second init segment", media.replace("#EXTINF:2.5", '#EXT-X-MAP:URI="b.mp4"\n#EXTINF:2.5'), /second/],
  ["a segment of no length", media.replace("5.000000", "0"), /EXTINF/],
  ["a segment of nonsense length", media.replace("5.000000", "1e9"), /EXTINF/],
  ["a segment without a length", media.replace(/#EXTINF:5.*\n/, ""), /without EXTINF/],
  ["no segments", "#EXTM3U\n#EXT-X-MAP:URI=\"i\"\n#EXT-X-ENDLIST", /no segments/],
  ["an init segment without a URI", media.replace(/MAP:.*/, "MAP:A=1"), /without a URI/],
  ["a script as a segment", media.replace("1.m4s", "javascript:alert(1)"), /not HTTP/],
  ["a file as a segment", media.replace("1.m4s", "file:///etc/passwd"), /not HTTP/],
  ["a malformed URI", media.replace("1.m4s", "http://[::"), /a malformed URI/],
  ["a stream without bandwidth", master.replace("BANDWIDTH=37796,", ""), /BANDWIDTH/],
  ["a stream without a URI", master.replace("180/index.m3u8?ticket=abc\n", ""), /without a URI/],
  ["separate audio", master.replace("RESOLUTION=320x180", 'AUDIO="a"'), /separate audio/],
  ["a flood of lines", "#EXTM3U\n" + "\n".repeat(100_001), /too long/],
];

for (const [name, text, message] of refusals) {
  test(`refused: ${name}`, () => {
    assert.throws(() => parsePlaylist(text, base), (error) => {
      assert.match(error.message, message);
      assert.equal(error.code, "playlist_unsupported");
      assert.ok(!error.message.includes("SECRET"));
      return true;
    });
  });
}

test("any mutilation is parsed or refused, never another failure", () => {
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 5000; i++) {
    const text = [...(i % 2 ? media : master)];
    for (let cuts = random(4) + 1; cuts > 0; cuts--) text.splice(random(text.length), random(8), ..."#EXT,=\"\n:0".slice(random(9)));
    try {
      const list = parsePlaylist(text.join(""), base);
      if (list.kind === "media") assert.ok(list.segments.length && list.duration > 0);
    } catch (error) {
      assert.equal(error.name, "PlaylistError", error.stack);
    }
  }
});
