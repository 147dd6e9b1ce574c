package limits_test

import (
	"strings"
	"testing"

	"playtoken/limits"
	"playtoken/secret"
)

func TestTheLoginToRedisIsReplaced(t *testing.T) {
	s := newServer(t)
	url := func(password, rest string) secret.Value {
		return secret.New("redis://:" + password + "@127.0.0.1:" + rest)
	}
	config := limits.RedisConfig{URL: url("wrong", s.port+"/3")}
	heard := listen(&config)
	r := newRedis(t, config)
	r.Take(t.Context(), "a", daily, 1)
	hear(t, heard, true)
	for _, other := range []secret.Value{url(password, s.port+"/4"), url(password, "1/3"), secret.New("rediss://:" + password + "@127.0.0.1:" + s.port + "/3"), secret.New("redis://%")} {
		if err := r.Replace(other); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("Replace with another server = %v, want an error without the password", err)
		}
	}
	if err := r.Replace(s.url()); err != nil {
		t.Fatal(err)
	}
	hear(t, heard, false)
}
