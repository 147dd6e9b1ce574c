package handlers

import (
	"maps"
	"slices"

	"playtoken/projects"
	"playtoken/secret"
)

// projectBody is what a caller may set of a project. A member that is null counts
// as never set. The credential is an exception: without one the project keeps its
// own, and a new one replaces all of it.
type projectBody struct {
	Name           string                  `json:"name"`
	Platform       string                  `json:"platform"`
	Settings       map[string]*string      `json:"platform_settings"`
	Credential     map[string]string       `json:"platform_credential"`
	TokenPolicy    projects.TokenPolicy    `json:"token_policy"`
	RotationPolicy projects.RotationPolicy `json:"rotation_policy"`
	ViewerPolicy   viewerPolicyBody        `json:"viewer_policy"`

	Unchecked bool   `json:"unchecked"` // of a change: the platform is not asked about the new credential
	Reason    string `json:"reason"`    // of the change, for the record
}

var (
	_ withCheck  = projectBody{}
	_ withReason = projectBody{}
)

func (b projectBody) reason() string { return b.Reason }
func (b projectBody) check() error   { return invalidFields(checkReason(b.Reason, false)...) }

type viewerPolicyBody struct {
	projects.ViewerPolicy
	WebhookSecret *string `json:"webhook_secret"`
}

// projectBodyOf is the body that would leave a project unchanged. It shares no
// memory with the project.
func projectBodyOf(p projects.Project) projectBody {
	body := projectBody{
		Name: p.Name, Platform: p.Platform, Settings: map[string]*string{},
		TokenPolicy: p.TokenPolicy, RotationPolicy: p.RotationPolicy, ViewerPolicy: viewerPolicyBody{ViewerPolicy: p.ViewerPolicy},
	}
	for name, value := range p.Settings {
		body.Settings[name] = &value
	}
	body.TokenPolicy.AllowedClaims = slices.Clone(p.TokenPolicy.AllowedClaims)
	v := &body.ViewerPolicy
	v.Issuers, v.Origins, v.DRMPolicies = slices.Clone(v.Issuers), slices.Clone(v.Origins), slices.Clone(v.DRMPolicies)
	if v.Webhook != nil {
		hook := *v.Webhook
		v.Webhook = &hook
	}
	if !p.WebhookSecret.IsZero() {
		v.WebhookSecret = textOrNull(kept + p.WebhookSecret.Reveal())
	}
	return body
}

// fill sets the project's fields from the body. Errors: *invalid.
func (b projectBody) fill(p *projects.Project) error {
	p.Name, p.Platform, p.TokenPolicy, p.RotationPolicy = b.Name, b.Platform, b.TokenPolicy, b.RotationPolicy
	webhookSecret, err := b.ViewerPolicy.secret(p.WebhookSecret)
	if err != nil {
		return err
	}
	p.ViewerPolicy, p.WebhookSecret = b.ViewerPolicy.ViewerPolicy, webhookSecret
	p.Settings = map[string]string{}
	for name, value := range b.Settings {
		if value != nil {
			p.Settings[name] = *value
		}
	}
	return b.fillCredential(p)
}

// kept marks a secret that the request leaves as it is. No secret of a request can
// be taken for one: it would have to be the one that is kept.
const kept = "\x00"

// secret is the webhook's secret after a request. One that is saved again is read
// anew, even if an earlier version has stored the same text.
func (b viewerPolicyBody) secret(was secret.Value) (secret.Value, error) {
	switch text := b.WebhookSecret; {
	case text == nil:
		return secret.Value{}, nil
	case *text == "":
		return secret.Value{}, invalidFields(emptySecret("viewer_policy.webhook_secret"))
	case !was.IsZero() && *text == kept+was.Reveal():
		return was, nil
	default:
		return projects.NewWebhookSecret(*text)
	}
}

func (b projectBody) fillCredential(p *projects.Project) error {
	if len(b.Credential) == 0 {
		return nil
	}
	var wrong []fieldError
	p.Credential = map[string]secret.Value{}
	for _, name := range slices.Sorted(maps.Keys(b.Credential)) {
		p.Credential[name] = secret.New(b.Credential[name])
		if b.Credential[name] == "" {
			wrong = append(wrong, emptySecret("platform_credential."+shownName(name)))
		}
	}
	return invalidFields(wrong...)
}

func emptySecret(field string) fieldError {
	return fieldError{Field: field, Detail: "is empty: send a value, or leave it out"}
}

// mergePatch is a JSON object that was decoded strictly as a T and can be applied
// to any T: fields that it does not name keep their values.
type mergePatch[T withReason] struct {
	data []byte
	why  string // the T's reason
}

var (
	_ withDecode = (*mergePatch[projectBody])(nil)
	_ withDecode = (*mergePatch[apiKeyBody])(nil)
	_ withCheck  = mergePatch[projectBody]{}
	_ withReason = mergePatch[projectBody]{}
)

func (p *mergePatch[T]) decode(data []byte) error {
	var named T
	if err := decodeObject(data, &named); err != nil {
		return err
	}
	p.data, p.why = data, named.reason()
	return nil
}

func (p mergePatch[T]) reason() string { return p.why }
func (p mergePatch[T]) check() error   { return invalidFields(checkReason(p.why, false)...) }

func (p mergePatch[T]) apply(t *T) error { return decodeObject(p.data, t) }

// patchProject changes the fields that the patch names. Errors: *invalid.
func patchProject(p *projects.Project, patch mergePatch[projectBody]) error {
	body := projectBodyOf(*p)
	if err := patch.apply(&body); err != nil {
		return err
	}
	return body.fill(p)
}
