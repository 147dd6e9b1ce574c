package console

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// member is one of a token's header or claims, explained.
type member struct{ Name, Value, Meaning string }

// memberMeanings explains what is in tokens. A value that is a time is shown as
// one, too.
var memberMeanings = map[string]string{
	"alg": "the algorithm of the signature",
	"typ": "the kind of token",
	"kid": "the key id: which public key verifies the signature",
	"sub": "the video that the token opens",
	"exp": "when it ends",
	"iat": "when it was made; a little earlier, for clocks that are apart",
	"nbf": "before it, the token is refused",
	"iss": "who made it",
	"aud": "who it is for",
	"jti": "a number of its own",
}

// times are members that hold seconds since 1970.
var times = []string{"exp", "iat", "nbf"}

// members explains a token's header or claims.
func (c *Console) members(values map[string]any) []member {
	var all []member
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, err := json.Marshal(values[name])
		if err != nil {
			text = fmt.Append(nil, values[name])
		}
		m := member{Name: name, Value: string(text), Meaning: memberMeanings[name]}
		if m.Meaning == "" {
			m.Meaning = "of the platform or the project"
		}
		if seconds, ok := values[name].(float64); ok && slices.Contains(times, name) {
			at := time.Unix(int64(seconds), 0).UTC()
			m.Meaning += fmt.Sprintf(": %s, %s", at.Format("2006-01-02 15:04:05 UTC"), c.fromNow(at))
		}
		all = append(all, m)
	}
	return all
}

// remedy is a reason why a token is refused, with what to do.
type remedy struct{ Code, Means, Do string }

// remedies are the reasons that the API has, and those of platforms that judge
// their own tokens.
var remedies = []remedy{
	{Code: "token_missing", Means: "There is no token.", Do: "Paste the whole token, or the address that a player opens."},
	{Code: "token_malformed", Means: "This is not a token, or only a part of one.", Do: "Copy it again, completely: three parts with dots between them. Look whether something on the way shortens or encodes addresses."},
	{Code: "token_expired", Means: "Its time is over.", Do: "Have the page ask for a new token at refresh_at; the package playtoken does that by itself. If it was fresh, compare the clocks of the service and the platform."},
	{Code: "token_not_yet_valid", Means: "Its time has not begun.", Do: "Compare the clocks of the service and the platform, and raise PLAYTOKEN_CLOCK_SKEW if they cannot agree."},
	{Code: "token_life_too_long", Means: "It lives longer than the platform accepts.", Do: "Ask for a shorter expires_in, or lower the lifetime in the project's token policy."},
	{Code: "unknown_key", Means: "No signing key of this project has its key id.", Do: "Look whether the token is of another project, or of another deployment that uses the same platform."},
	{Code: "key_unknown", Means: "The platform does not know its key.", Do: "Look at the project's keys: one that is registering has not propagated yet, and one that is deleted does not come back."},
	{Code: "key_not_usable", Means: "Its key is not one that the platform verifies with.", Do: "Make a new token. If the key was revoked, its tokens stay refused; if it is quarantined, look at the project's findings."},
	{Code: "key_missing_at_platform", Means: "The platform does not hold its key.", Do: "Rotate with replace_lost, or look whether the key was deleted at the platform by hand."},
	{Code: "signature_invalid", Means: "It was changed, or another key signed it.", Do: "Copy it again. If it is complete, a program has changed it, or has made it with a key that is not this project's."},
	{Code: "video_not_allowed", Means: "It is for another video.", Do: "Make a token for this video id; upper and lower case count."},
	{Code: "issuer_wrong", Means: "Its issuer is not the one that the verifier asks for.", Do: "Set iss to the issuer of the project's settings, or correct the setting."},
	{Code: "audience_wrong", Means: "It is not for this verifier.", Do: "Set aud to the audience of the project's settings, or leave it out if they have none."},
	{Code: "claims_wrong", Means: "A claim is not what the verifier expects.", Do: "Compare its claims with those of a token that is made on this page."},
	{Code: "algorithm_not_allowed", Means: "It is signed in a way that the platform does not know.", Do: "Sign with HS256 and the secret of the property."},
	{Code: "type_not_allowed", Means: "Its header does not say that it is a JWT.", Do: "Set typ to JWT in its header."},
	{Code: "exp_missing", Means: "It does not say when it ends.", Do: "Set exp to the end, in whole seconds since 1970."},
	{Code: "exp_in_milliseconds", Means: "Its end is in milliseconds, thousands of years ahead.", Do: "Divide exp by 1000, and replace the secret if such tokens were given out: they never end."},
	{Code: "exp_too_far", Means: "Its end is years away.", Do: "Make tokens that live for minutes, and replace the secret if such tokens were given out."},
	{Code: "resource_missing", Means: "It does not say what it opens.", Do: "Set resource to the path of the request that it is for; for an older signed URL, say the video id."},
	{Code: "parameter_invalid", Means: "A claim is not a parameter of a request.", Do: "Write each claim as a text, a number or a boolean."},
	{Code: "site_not_allowed", Means: "It is for another property.", Do: "Use the site id of this project in resource."},
	{Code: "not_verifiable", Means: "Only the platform can tell, and asking would use the token up.", Do: "Open the video with it, once; make another token for the next viewer."},
}

// remediesOf explains why a token is refused.
func remediesOf(verdict inspection) []remedy {
	var found []remedy
	for i, code := range verdict.Reasons {
		one := remedy{Code: code, Means: "The platform refuses it.", Do: "Look up the code in the documentation of the platform."}
		if at := slices.IndexFunc(remedies, func(r remedy) bool { return r.Code == code }); at >= 0 {
			one = remedies[at]
		}
		if i == 0 && verdict.Detail != "" {
			one.Means += " (" + verdict.Detail + ")"
		}
		found = append(found, one)
	}
	return found
}
