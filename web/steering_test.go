package web_test

import (
	"net/http"
	"testing"
)

// TestAPlayerWithoutCodePlaysOnBySteering: hls.js with two lines of code plays
// past several sessions, and stops once the sessions are ended. Without
// steering it stops with the first (TestEveryPlayerPlaysOn).
func TestAPlayerWithoutCodePlaysOnBySteering(t *testing.T) {
	withPlayers(t)
	const naive, packaged = "hls.js-with-naive", "hls.js-with-sdk"
	s := beginWith(t, chromium(t), []string{"PLAYTOKEN_GATE_STEERING=1s"}, naive, packaged)
	defer s.print()
	s.tab.Await(t, patience, `seats["`+naive+`"].moved > 15`)
	s.look("steered")
	if refused := s.was[naive].dead; refused > 0 {
		t.Errorf("got %d refused requests of the player that is steered, want none", refused)
	}
	if _, err := s.call(http.MethodPost, "/v1/projects/default/sessions/end", s.demo.AdminKey, `{"all":true,"reason":"taken down"}`); err != nil {
		t.Fatal(err)
	}
	s.tab.Await(t, patience, `seats["`+naive+`"].still > 2`)
	s.eval(`each((seat) => (seat.moved = 0))`)
	s.tab.Await(t, patience, `seats["`+packaged+`"].moved > 5 && seats["`+naive+`"].moved === 0`)
}
