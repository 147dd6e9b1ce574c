package lint_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/platforms/lint"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func expected() lint.Expected {
	return lint.Expected{
		Algorithms: []string{"RS256"}, KeyIDs: []string{"key-1", "key-2"}, Misnamed: map[string]string{"3": "key-2", "f00d": "key-2"},
		Issuer: "us", Audience: []string{"player"}, Audiences: true, Video: "sub", MaxTTL: time.Hour,
	}
}

func part(value any) string {
	text, _ := json.Marshal(value)
	return base64.RawURLEncoding.EncodeToString(text)
}

// token is a good token with changes; a nil value removes a member.
func token(header, claims map[string]any) string {
	h := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "key-1"}
	c := map[string]any{"iss": "us", "aud": "player", "sub": "film", "iat": now.Unix() - 60, "exp": now.Unix() + 600}
	for to, changes := range map[*map[string]any]map[string]any{&h: header, &c: claims} {
		maps.Copy(*to, changes)
		maps.DeleteFunc(*to, func(_ string, value any) bool { return value == nil })
	}
	return part(h) + "." + part(c) + "." + part("signature")
}

func codes(found []lint.Advice) []string {
	all := []string{}
	for _, advice := range found {
		all = append(all, advice.Code)
	}
	return all
}

type members = map[string]any

// TestAdviceKnowsTheHeaderOfTheVerifier: one that tries every key, and asks for a type.
func TestAdviceKnowsTheHeaderOfTheVerifier(t *testing.T) {
	want := expected()
	want.NoKeyID, want.Type = true, "at+jwt"
	for name, c := range map[string]struct {
		header members
		want   []string
	}{
		"as it asks for":     {members{"kid": nil, "typ": "at+jwt"}, []string{}},
		"with a key id":      {members{"typ": "at+jwt"}, []string{}},
		"an unknown key id":  {members{"kid": "key-9", "typ": "at+jwt"}, []string{"kid_unknown"}},
		"of another type":    {members{"kid": nil}, []string{"typ_unexpected"}},
		"without any type":   {members{"kid": nil, "typ": nil}, []string{"typ_unexpected"}},
		"a type in capitals": {members{"kid": nil, "typ": "AT+JWT"}, []string{"typ_unexpected"}},
	} {
		if got := codes(lint.Lint(token(c.header, nil), want, now)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got advice %v, want %v", name, got, c.want)
		}
	}
}

func TestMistakesOfMakers(t *testing.T) {
	for name, c := range map[string]struct {
		header, claims members
		want           []string
	}{
		"none":                         {nil, nil, nil},
		"a list of audiences":          {nil, members{"aud": []string{"x", "player"}}, nil},
		"made by ours, dated back":     {nil, members{"iat": now.Unix() - 60, "nbf": now.Unix() - 60, "exp": now.Unix() + 3600}, nil},
		"no alg":                       {members{"alg": nil}, nil, []string{"alg_missing"}},
		"alg none":                     {members{"alg": "None"}, nil, []string{"alg_none"}},
		"a secret":                     {members{"alg": "HS256"}, nil, []string{"alg_symmetric"}},
		"another algorithm":            {members{"alg": "ES256"}, nil, []string{"alg_unexpected"}},
		"no kid":                       {members{"kid": nil}, nil, []string{"kid_missing"}},
		"an empty kid":                 {members{"kid": ""}, nil, []string{"kid_missing"}},
		"kid among the claims":         {members{"kid": nil}, members{"kid": "key-1"}, []string{"kid_in_claims"}},
		"kid as a number":              {members{"kid": 3}, nil, []string{"kid_not_text"}},
		"a generation as kid":          {members{"kid": "3"}, nil, []string{"kid_of_another_kind"}},
		"a fingerprint as kid":         {members{"kid": "f00d"}, nil, []string{"kid_of_another_kind"}},
		"another project's kid":        {members{"kid": "key-9"}, nil, []string{"kid_unknown"}},
		"an extension":                 {members{"crit": []string{"b64"}}, nil, []string{"crit"}},
		"a key of its own":             {members{"jwk": members{"kty": "RSA"}}, nil, []string{"key_in_header"}},
		"no end":                       {nil, members{"exp": nil}, []string{"exp_missing"}},
		"an end in milliseconds":       {nil, members{"exp": (now.Unix() + 600) * 1000}, []string{"time_in_other_unit"}},
		"an end in microseconds":       {nil, members{"exp": (now.Unix() + 600) * 1e6}, []string{"time_in_other_unit"}},
		"an end in nanoseconds":        {nil, members{"exp": (now.Unix() + 600) * 1e9}, []string{"time_in_other_unit"}},
		"an end in quotes":             {nil, members{"exp": fmt.Sprint(now.Unix() + 600)}, []string{"time_in_quotes"}},
		"an end as a date":             {nil, members{"exp": "2026-11-29T12:10:00Z"}, []string{"time_not_number"}},
		"an end that is a list":        {nil, members{"exp": []int{1}}, []string{"time_not_number"}},
		"an end with a fraction":       {nil, members{"exp": float64(now.Unix()) + 600.5}, []string{"time_not_whole"}},
		"a duration as end":            {nil, members{"exp": 600}, []string{"exp_is_a_duration"}},
		"an end before time":           {nil, members{"exp": -5}, []string{"time_far_away"}},
		"an end after the world":       {nil, members{"exp": 1e30}, []string{"time_far_away"}},
		"a life beyond the keys'":      {nil, members{"exp": now.Unix() + 2*3600}, []string{"life_too_long"}},
		"just over":                    {nil, members{"exp": now.Unix() - 30}, []string{"just_expired"}},
		"long over":                    {nil, members{"iat": now.Unix() - 9000, "exp": now.Unix() - 8000}, nil},
		"iat in milliseconds":          {nil, members{"iat": now.UnixMilli()}, []string{"time_in_other_unit"}},
		"made in the future":           {nil, members{"iat": now.Unix() + 90}, []string{"from_the_future"}},
		"good from the future on":      {nil, members{"nbf": now.Unix() + 90}, []string{"from_the_future"}},
		"good at no time":              {nil, members{"nbf": now.Unix() + 600}, []string{"never_valid", "from_the_future"}},
		"an end before it was made":    {nil, members{"iat": now.Unix() + 900}, []string{"never_valid", "from_the_future"}},
		"no issuer":                    {nil, members{"iss": nil}, []string{"iss_missing"}},
		"another issuer":               {nil, members{"iss": "them"}, []string{"iss_unexpected"}},
		"no audience":                  {nil, members{"aud": nil}, []string{"aud_missing"}},
		"another audience":             {nil, members{"aud": "them"}, []string{"aud_unexpected"}},
		"audiences without ours":       {nil, members{"aud": []any{"them", 1}}, []string{"aud_unexpected"}},
		"no video":                     {nil, members{"sub": nil}, []string{"opens_everything"}},
		"every video":                  {nil, members{"sub": "*"}, []string{"opens_everything"}},
		"the video under another name": {nil, members{"sub": nil, "videoId": "film"}, []string{"video_misnamed"}},
		"a video that is a number":     {nil, members{"sub": 7}, []string{"video_not_text"}},
		"several at once, in their order": {members{"alg": "none", "kid": nil}, members{"exp": nil, "iss": nil, "sub": nil},
			[]string{"alg_none", "kid_missing", "exp_missing", "iss_missing", "opens_everything"}},
	} {
		got := lint.Lint(token(c.header, c.claims), expected(), now)
		if !slices.Equal(codes(got), slices.Concat([]string{}, c.want)) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// What is not known of the platform is not compared.
func TestWhatIsUnknownIsNotJudged(t *testing.T) {
	strange := token(members{"alg": "HS256", "kid": nil}, members{"iss": "x", "aud": "y", "sub": nil, "exp": now.Unix() + 1e6})
	if got := lint.Lint(strange, lint.Expected{}, now); len(got) != 0 {
		t.Errorf("a token of a platform that is unknown: got %v, want no advice", got)
	}
	if got := codes(lint.Lint(strange, lint.Expected{Audiences: true}, now)); !slices.Equal(got, []string{"aud_unexpected"}) {
		t.Errorf("an audience where none may be: got %v, want aud_unexpected", got)
	}
}

func TestMistakesOfThoseWhoPaste(t *testing.T) {
	good := token(nil, nil)
	parts := strings.Split(good, ".")
	padded := base64.StdEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"key-1"  }`))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                   {" \n", []string{"not_a_token"}},
		"words":                     {"not a token", []string{"not_a_token"}},
		"far too much":              {strings.Repeat("a.", 1<<14), []string{"not_a_token"}},
		"a private key":             {"-----BEGIN PRIVATE KEY-----\nMIIE", []string{"a_key"}},
		"an API key":                {"pt_abc_secret", []string{"an_api_key"}},
		"an encrypted token":        {good + ".YQ.YQ", []string{"encrypted"}},
		"without signature":         {parts[0] + "." + parts[1], []string{"signature_cut_off"}},
		"with an empty signature":   {parts[0] + "." + parts[1] + ".", []string{"signature_cut_off"}},
		"cut off in the claims":     {parts[0] + "." + parts[1][:9], []string{"signature_cut_off", "damaged"}},
		"a header that is no JSON":  {"eyJh." + parts[1] + "." + parts[2], []string{"damaged"}},
		"a member twice":            {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"key-1","kid":"key-1"}`)) + "." + parts[1] + "." + parts[2], []string{"member_twice"}},
		"the base64 of e-mails":     {padded + "." + parts[1] + "." + parts[2], []string{"not_base64url"}},
		"a blank in front":          {" " + good, []string{"blanks"}},
		"a line end":                {good + "\r\n", []string{"blanks"}},
		"a header's value":          {"Bearer " + good, []string{"bearer"}},
		"an address":                {"https://v.example/film/hls.m3u8?jwt=" + good + "&a=b", []string{"an_address"}},
		"an address, escaped":       {url.QueryEscape("https://v.example/?u=" + url.QueryEscape("https://w.example/?jwt="+good)), []string{"an_address"}},
		"escaped":                   {strings.ReplaceAll(good, ".", "%2E"), []string{"escaped"}},
		"quotes":                    {`"` + good + `"`, []string{"more_than_a_token"}},
		"a member of JSON":          {`{"token":"` + good + `"}`, []string{"more_than_a_token"}},
		"a dot too many":            {good + ".", []string{"more_than_a_token"}},
		"lines":                     {good[:40] + "\n" + good[40:], []string{"broken_lines"}},
		"mistakes beside the token": {`'` + token(nil, members{"exp": nil}) + `'`, []string{"more_than_a_token", "exp_missing"}},
	} {
		if got := lint.Lint(c.text, expected(), now); !slices.Equal(codes(got), c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// FuzzLint: nothing that is pasted is shown again in whole, and nothing stops the
// linter.
func FuzzLint(f *testing.F) {
	f.Add(token(nil, nil), int64(0))
	f.Add("Bearer "+token(members{"alg": "none"}, members{"exp": 1e300}), int64(-1))
	f.Add("pt_x_secretsecretsecret", int64(1<<40))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		for _, advice := range lint.Lint(text, expected(), time.Unix(at%1e11, 0)) {
			if advice.Code == "" || advice.Detail == "" || len(text) > 40 && strings.Contains(advice.Detail, text) {
				t.Errorf("%q: got %+v, want a code, and a sentence without the token", text, advice)
			}
		}
	})
}
