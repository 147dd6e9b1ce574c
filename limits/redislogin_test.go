package limits_test

import (
	"strings"
	"testing"

	"playtoken/limits"
	"playtoken/limits/redistest"
	"playtoken/secret"
)

func TestTheLoginToRedisIsReplaced(t *testing.T) {
	s := redistest.Start(t)
	url := func(password, rest string) secret.Value {
		return secret.New("redis://:" + password + "@127.0.0.1:" + rest)
	}
	config := limits.RedisConfig{URL: url("wrong", s.Port+"/3")}
	heard := listen(&config)
	r := newRedis(t, config)
	r.Take(t.Context(), "a", daily, 1)
	hear(t, heard, true)
	for _, other := range []secret.Value{url(password, s.Port+"/4"), url(password, "1/3"), secret.New("rediss://:" + password + "@" + s.Address() + "/3"), secret.New("redis://%")} {
		if err := r.Replace(other); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("Replace with another server = %v, want an error without the password", err)
		}
	}
	if err := r.Replace(secret.New(s.URL("3"))); err != nil {
		t.Fatal(err)
	}
	hear(t, heard, false)
}

// TestTheLoginThroughSentinelsIsReplaced: that to the Sentinels themselves is not.
func TestTheLoginThroughSentinelsIsReplaced(t *testing.T) {
	s := redistest.StartSentinels(t)
	good := s.URL("3")
	config := limits.RedisConfig{URL: secret.New(strings.Replace(good, password, "wrong", 1))}
	heard := listen(&config)
	r := newRedis(t, config)
	r.Take(t.Context(), "a", daily, 1)
	hear(t, heard, true)
	for was, is := range map[string]string{
		"/3?": "/4?", "master_name=": "master_name=other-", "&addr=": "&addr=127.0.0.1:1&addr=", redistest.SentinelPassword: "another",
		"redis+sentinel": "rediss+sentinel",
	} {
		if err := r.Replace(secret.New(strings.Replace(good, was, is, 1))); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("Replace with another %s = %v, want an error without the password", was, err)
		}
	}
	if err := r.Replace(secret.New(good)); err != nil {
		t.Fatal(err)
	}
	hear(t, heard, false)
}
