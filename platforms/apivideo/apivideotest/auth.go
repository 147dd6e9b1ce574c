package apivideotest

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

const maxBody = 64 << 10

// member reads one text from a JSON body.
func member(r *http.Request, name string) (string, answer) {
	var body map[string]any
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || json.Unmarshal(data, &body) != nil {
		return "", noPayload
	}
	value, _ := body[name].(string)
	if value == "" {
		return "", no(http.StatusBadRequest, "attribute-required", name, "An attribute is required.")
	}
	return value, answer{}
}

// authenticate is POST /auth/api-key.
func (s *Standin) authenticate(r *http.Request) answer {
	key, problem := member(r, "apiKey")
	if problem.status != 0 {
		return problem
	}
	if !s.isKey(key) {
		return noLogin
	}
	return s.grant(key)
}

// refresh is POST /auth/refresh.
func (s *Standin) refresh(r *http.Request) answer {
	token, problem := member(r, "refreshToken")
	if problem.status != 0 {
		return problem
	}
	s.mu.Lock()
	key, known := s.refreshers[token]
	delete(s.refreshers, token)
	s.mu.Unlock()
	if !known || !s.isKey(key) {
		return noLogin
	}
	return s.grant(key)
}

func (s *Standin) grant(key string) answer {
	access, refresh := "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9."+rand.Text()+"."+rand.Text(), "def50200"+rand.Text()+rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bearers[access] = bearer{key: key, end: time.Now().Add(BearerLife)}
	s.refreshers[refresh] = key
	return ok(map[string]any{
		"token_type": "Bearer", "expires_in": int(BearerLife / time.Second),
		"access_token": access, "refresh_token": refresh,
	})
}
