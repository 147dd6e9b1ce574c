package viewers

import (
	"fmt"
	"net/url"

	"playtoken/projects"
)

// Check reports, all at once, what only this package can say about a policy
// whose values are otherwise sane: whether we would call its issuers and its
// webhook, and whether its rule can be understood and will end. It calls
// nobody: whether a name leads to a permitted address is seen when it is
// dialled, each time.
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
