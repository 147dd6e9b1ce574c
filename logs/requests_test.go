package logs_test

import (
	"testing"

	"playtoken/logs"
)

func TestTheRequestLogIncludesWhatItIsTold(t *testing.T) {
	const requests = 4000
	all, part, not := [2]int{requests, requests}, [2]int{600, 1400}, [2]int{} // part: 14 deviations around a quarter
	for _, c := range []struct {
		log                  logs.Requests
		ok, refused, managed [2]int // least and most of the requests
	}{
		{log: logs.Requests{Refusals: true, Management: true, OneOf: 1}, ok: all, refused: all, managed: all},
		{log: logs.Requests{Refusals: true, Management: true}, ok: not, refused: all, managed: all},
		{log: logs.Requests{Refusals: true}, ok: not, refused: all, managed: not},
		{log: logs.Requests{}, ok: not, refused: not, managed: not},
		{log: logs.Requests{OneOf: 4}, ok: part, refused: part, managed: part},
	} {
		for status, want := range map[int][2]int{200: c.ok, 206: c.ok, 304: c.ok, 401: c.refused, 404: c.refused} {
			checkShare(t, c.log, requests, status, false, want)
		}
		checkShare(t, c.log, requests, 201, true, c.managed)
	}
}

func checkShare(t *testing.T, log logs.Requests, requests, status int, management bool, want [2]int) {
	t.Helper()
	got := 0
	for range requests {
		if log.Includes(status, management) {
			got++
		}
	}
	if got < want[0] || got > want[1] {
		t.Errorf("%+v includes %d of %d responses %d, management %t, want %d to %d", log, got, requests, status, management, want[0], want[1])
	}
}
