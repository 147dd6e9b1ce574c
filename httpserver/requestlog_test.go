package httpserver_test

import (
	"testing"

	"playtoken/httpserver"
)

func TestTheRequestLogIncludesWhatItIsTold(t *testing.T) {
	const requests = 4000
	all, part, not := [2]int{requests, requests}, [2]int{600, 1400}, [2]int{} // part: 14 deviations around a quarter
	for _, c := range []struct {
		log         httpserver.RequestLog
		ok, refused [2]int // least and most of the requests
	}{
		{log: httpserver.RequestLog{Refusals: true, OneOf: 1}, ok: all, refused: all},
		{log: httpserver.RequestLog{Refusals: true}, ok: not, refused: all},
		{log: httpserver.RequestLog{}, ok: not, refused: not},
		{log: httpserver.RequestLog{OneOf: 4}, ok: part, refused: part},
	} {
		for status, want := range map[int][2]int{200: c.ok, 206: c.ok, 304: c.ok, 401: c.refused, 404: c.refused} {
			got := 0
			for range requests {
				if c.log.Includes(status) {
					got++
				}
			}
			if got < want[0] || got > want[1] {
				t.Errorf("%+v includes %d of %d responses %d, want %d to %d", c.log, got, requests, status, want[0], want[1])
			}
		}
	}
}
