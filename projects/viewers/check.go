package viewers

import (
	"fmt"
	"net/url"
	"slices"

	"playtoken/projects"
)

const (
	maxPolicyIssuers = 10
	maxAudiences     = 20
	maxAudience      = 255
	maxURL           = 2048
)

// Check reports, all at once, what is wrong with a project's issuers, rule and
// webhook. It calls nobody: whether a name leads to a permitted address is
// seen when it is dialled, each time.
func (v *Viewers) Check(policy projects.ViewerPolicy) []projects.FieldError {
	var wrong []projects.FieldError
	report := func(field, problem string) {
		wrong = append(wrong, projects.FieldError{Field: "viewer_policy." + field, Problem: problem})
	}
	if len(policy.Issuers) > maxPolicyIssuers {
		report("issuers", fmt.Sprintf("has more than %d", maxPolicyIssuers))
	}
	seen := map[string]bool{}
	for n, issuer := range policy.Issuers[:min(len(policy.Issuers), maxPolicyIssuers)] {
		at := fmt.Sprintf("issuers.%d.", n)
		if problem := v.checkIssuer(issuer.URL, seen); problem != "" {
			report(at+"issuer", problem)
		}
		if problem := checkAudiences(issuer.Audiences); problem != "" {
			report(at+"audiences", problem)
		}
	}
	if policy.Rule != "" {
		if _, err := compile(v.env, policy.Rule); err != nil {
			report("rule", err.Error())
		}
	}
	if hook := policy.Webhook; hook != nil {
		if _, problem := v.checkURL(hook.URL); problem != "" {
			report("webhook.url", problem)
		}
		if hook.Timeout < 0 || hook.Timeout > int64(maxWebhookTimeout.Seconds()) {
			report("webhook.timeout", "want 1 to 10 seconds, or 0 for 3")
		}
	}
	return wrong
}

func (v *Viewers) checkIssuer(issuer string, seen map[string]bool) string {
	u, problem := v.checkURL(issuer)
	switch {
	case problem != "":
		return problem
	case u.RawQuery != "" || u.ForceQuery:
		return "want no query in it: write it exactly as the tokens' \"iss\" does"
	case seen[issuer]:
		return "is there twice: put all audiences into one"
	}
	seen[issuer] = true
	return ""
}

func (v *Viewers) checkURL(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, "is required"
	case err != nil || len(text) > maxURL:
		return nil, "want https://host/path"
	}
	if err := v.guard.checkURL(u); err != nil {
		return nil, err.Error()
	}
	return u, ""
}

func checkAudiences(audiences []string) string {
	switch {
	case len(audiences) == 0:
		return "is required: name at least one, or every token of the issuer would do"
	case len(audiences) > maxAudiences:
		return fmt.Sprintf("has more than %d", maxAudiences)
	case slices.ContainsFunc(audiences, func(a string) bool { return a == "" || len(a) > maxAudience }):
		return fmt.Sprintf("each has 1 to %d bytes", maxAudience)
	}
	return ""
}
