package gate_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"playtoken/gate/sample"
)

// TestFfprobeReadsTheSampleThroughTheGate follows what the gate rewrote with
// a player that is not ours.
func TestFfprobeReadsTheSampleThroughTheGate(t *testing.T) {
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("NOT TESTED: the sample with ffprobe, because there is no ffprobe on this machine")
	}
	clip, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, clip, nil)
	url := w.server.URL + "/counter/hls.m3u8?jwt=" + w.token(sample.VideoID, time.Minute)
	out, err := exec.Command(ffprobe, "-v", "error", "-count_packets", "-of", "csv=p=0",
		"-show_entries", "stream=codec_name,width,nb_read_packets", url).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: got %v, want no error\n%s", err, out)
	}
	for _, stream := range []string{"h264,320,1200", "h264,640,1200", "aac,"} {
		if !strings.Contains(string(out), stream) {
			t.Errorf("%s is not in\n%s", stream, out)
		}
	}
}
