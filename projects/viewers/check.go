package viewers

import (
	"fmt"
	"net/url"

	"playtoken/projects"
)

// Check reports all errors that only this package can find in a well-formed policy:
// issuers and webhooks that may not be called, and a rule that does not compile or
// may cost too much. It makes no calls: the address that a name resolves to is
// checked each time it is dialled.
func (v *Viewers) Check(policy projects.ViewerPolicy) []projects.FieldError {
	var wrong []projects.FieldError
	report := func(field string, err error) {
		if err != nil {
			wrong = append(wrong, projects.FieldError{Field: "viewer_policy." + field, Problem: err.Error()})
		}
	}
	for n, issuer := range policy.Issuers {
		report(fmt.Sprintf("issuers.%d.issuer", n), v.checkURL(issuer.URL))
	}
	if policy.Rule != "" {
		_, err := compile(v.env, policy.Rule)
		report("rule", err)
	}
	if policy.Webhook != nil {
		report("webhook.url", v.checkURL(policy.Webhook.URL))
	}
	return wrong
}

func (v *Viewers) checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errURL
	}
	return v.guard.checkURL(u)
}
