package verify

import (
	"crypto"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Grant is what a token says that opens a video.
type Grant struct {
	KeyID   string
	Viewer  string // as Token.Viewer returns it
	Expires time.Time
}

// Memory verifies tokens as Verify does. Of a token that opened a video it
// remembers that its form and its signature are good, because neither changes:
// a player presents its token again and again. What does change is looked at each
// time: whether its key is still known, and is the one that the signature is of;
// whether the token has expired or is not valid yet; which video it opens.
//
// A token is remembered under its SHA-256: one that differs in a single byte is
// another, and no token is kept. A refusal is never remembered. The least recently
// presented tokens are forgotten where they are too many.
//
// A Memory is safe for concurrent use.
type Memory struct{ seen *lru.Cache[tokenHash, seen] }

type tokenHash = [sha256.Size]byte

// seen is a token whose form and signature are good. It takes up to some hundreds
// of bytes, however long the token is.
type seen struct {
	token  Token            // without its header and claims
	viewer string           // that is in them
	key    crypto.PublicKey // that verified the signature
}

// NewMemory returns an empty Memory for this many tokens, at least one.
func NewMemory(tokens int) *Memory {
	m := &Memory{}
	m.seen, _ = lru.New[tokenHash, seen](tokens) // fails for sizes below 1 only
	return m
}

// Verify returns what the token says if Verify would return it now, and its claim
// viewer, if it has one, is good. The only type of error is *Error.
func (m *Memory) Verify(token, videoID string, now time.Time, keys Keys) (Grant, error) {
	hash := sha256.Sum256([]byte(token))
	s, known := m.recall(hash, now, keys)
	var err error
	if known {
		err = s.token.opens(videoID, now)
	} else if s, err = see(token, videoID, now, keys); err == nil {
		m.remember(hash, s, now)
	}
	if err != nil {
		return Grant{}, err
	}
	return Grant{KeyID: s.token.KeyID, Viewer: s.viewer, Expires: s.token.Expires}, nil
}

// recall finds a token that was presented before and has not expired. By another
// key than the one that verified it, its signature is not known to be good.
func (m *Memory) recall(hash tokenHash, now time.Time, keys Keys) (s seen, known bool) {
	if s, known = m.seen.Get(hash); !known {
		return seen{}, false
	}
	if key, ok := keys(s.token.KeyID); !ok || !equal(key, s.key) || !now.Before(s.token.Expires) {
		m.seen.Remove(hash)
		return seen{}, false
	}
	return s, true
}

// see verifies a token that is not remembered.
func see(token, videoID string, now time.Time, keys Keys) (s seen, err error) {
	s.token, err = Verify(token, videoID, now, func(id string) (key crypto.PublicKey, ok bool) {
		s.key, ok = keys(id)
		return s.key, ok
	})
	if err != nil {
		return seen{}, err
	}
	if s.viewer, err = s.token.Viewer(); err != nil {
		return seen{}, err
	}
	s.token.Header, s.token.Claims = nil, nil
	return s, nil
}

// remember keeps a token. Those that were not presented for the longest time make
// room once they have expired, two for each that comes, so that few of them are
// kept that can open nothing.
func (m *Memory) remember(hash tokenHash, s seen, now time.Time) {
	m.seen.Add(hash, s)
	for range 2 {
		oldest, last, ok := m.seen.GetOldest()
		if !ok || now.Before(last.token.Expires) {
			return
		}
		m.seen.Remove(oldest)
	}
}
