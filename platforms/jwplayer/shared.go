package jwplayer

import (
	"sync"
	"time"

	"playtoken/signer"
)

// maxShared bounds the cached tokens of a property, of about two kilobytes each.
const maxShared = 256

// shared caches tokens. Because expiry times come in steps of five minutes,
// requests for the same video get the same URLs. The zero value is ready to
// use; it is safe for concurrent use.
type shared struct {
	mu   sync.Mutex
	made map[question]answer
}

// question is all that an answer depends on, where there are no parameters.
type question struct {
	video, drm string
	expires    time.Time
}

type answer struct {
	token string
	urls  signer.URLs
}

// get returns the answer, and makes it if it has to. Two who ask at once may
// both make it: it comes out the same.
func (s *shared) get(q question, sign func() (string, signer.URLs, error)) (string, signer.URLs, error) {
	s.mu.Lock()
	a, ok := s.made[q]
	s.mu.Unlock()
	if ok {
		return a.token, a.urls, nil
	}
	token, urls, err := sign()
	if err != nil {
		return "", signer.URLs{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil || len(s.made) >= maxShared {
		s.made = map[question]answer{} // most of it was of steps gone by
	}
	s.made[q] = answer{token, urls}
	return token, urls, nil
}
