package console_test

import (
	"slices"
	"testing"

	"playtoken/service/doctor"
	"playtoken/web/console"
)

// TestButtonsMendWhatDoctorFinds: a code that doctor does not have would be a button
// that no page shows.
func TestButtonsMendWhatDoctorFinds(t *testing.T) {
	codes := doctor.Codes()
	for _, code := range console.ButtonCodes() {
		i := slices.IndexFunc(codes, func(d doctor.Description) bool { return string(d.Code) == code })
		if i < 0 || codes[i].Severity == doctor.OK {
			t.Errorf("a button for the finding %s: got no problem or note with that code in package doctor, want one", code)
		}
	}
}
