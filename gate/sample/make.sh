#!/bin/sh
# Makes the sample clip in media/counter: two minutes of ffmpeg's test pattern
# with a running counter of seconds and a 440 Hz tone, as H.264/AAC fragmented
# MP4 HLS in two renditions. Needs ffmpeg with libx264. The result is committed,
# so that building, testing and running the project need no ffmpeg.
set -eu
cd "$(dirname "$0")"
rm -rf media/counter
mkdir -p media/counter

# One run per rendition. Every segment starts with a key frame at a multiple of
# five seconds, so a player may change renditions at any segment; without
# B-frames the picture starts with the clip and not a little later.
rendition() { # directory, size
	mkdir "media/counter/$1"
	(
		cd "media/counter/$1"
		ffmpeg -hide_banner -loglevel error -nostdin \
			-f lavfi -i "testsrc=size=640x360:rate=10:duration=120" \
			-f lavfi -i "sine=frequency=440:sample_rate=44100:duration=120" \
			-vf "scale=$2,format=yuv420p" \
			-c:v libx264 -preset veryslow -tune animation -profile:v main -level:v 3.0 -refs 3 -bf 0 \
			-g 50 -keyint_min 50 -sc_threshold 0 -crf 35 \
			-c:a aac -ac 1 -b:a 20k \
			-threads 1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
			-f hls -hls_segment_type fmp4 -hls_time 5 -hls_playlist_type vod \
			-hls_flags independent_segments -hls_fmp4_init_filename init.mp4 \
			-hls_segment_filename '%d.m4s' index.m3u8
	)
}

# The largest segment's bits per second: what BANDWIDTH promises.
peak() {
	wc -c media/counter/"$1"/*.m4s | awk '$2 != "total" && $1 > max { max = $1 } END { print int(max * 8 / 5) }'
}

rendition 180 320:180
rendition 360 640:360

# avc1.4d401e: main profile, level 3.0; mp4a.40.2: AAC-LC.
cat >media/counter/hls.m3u8 <<END
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=$(peak 180),RESOLUTION=320x180,FRAME-RATE=10.000,CODECS="avc1.4d401e,mp4a.40.2"
180/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=$(peak 360),RESOLUTION=640x360,FRAME-RATE=10.000,CODECS="avc1.4d401e,mp4a.40.2"
360/index.m3u8
END

# The same segments for players of DASH. Picture and tone are in one file each.
cat >media/counter/manifest.mpd <<END
<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT120S" minBufferTime="PT5S">
  <Period>
    <AdaptationSet mimeType="video/mp4" codecs="avc1.4d401e,mp4a.40.2" frameRate="10" segmentAlignment="true" startWithSAP="1">
      <SegmentTemplate timescale="1" duration="5" startNumber="0" initialization="\$RepresentationID\$/init.mp4" media="\$RepresentationID\$/\$Number\$.m4s"/>
      <Representation id="180" bandwidth="$(peak 180)" width="320" height="180"/>
      <Representation id="360" bandwidth="$(peak 360)" width="640" height="360"/>
    </AdaptationSet>
  </Period>
</MPD>
END
