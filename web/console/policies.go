package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// section is a part of a project's settings with a form of its own.
type section struct {
	name   string // in its address
	title  string
	fields []setting
}

// setting is a member of a project that a person edits. Its name is the member's
// path, so that what the API says about it stands beside its field.
type setting struct {
	member, label, help string
	as                  spelling
}

// spelling is how a member is typed, and shown.
type spelling int

const (
	asText spelling = iota
	asSeconds
	asCount
	asYes
	asWords   // a list, separated by commas
	asLines   // a list, one in each line
	asIssuers // a list, one in each line: the issuer, and then its audiences
	asSecret  // never shown
	asKind    // of signing keys
)

const emptyIsDefault = " Empty: the deployment's default."

// sections are what a project has besides its account.
var sections = []section{
	{name: "tokens", title: "Tokens and limits", fields: []setting{
		{member: "token_policy.default_ttl", label: "Lifetime of a token", as: asSeconds, help: "Where the request names none, as in 10m." + emptyIsDefault},
		{member: "token_policy.max_ttl", label: "Longest lifetime", as: asSeconds, help: "As in 1h." + emptyIsDefault},
		{member: "token_policy.mints_per_minute", label: "Tokens a minute", as: asCount, help: "For each API key. 0: no limit."},
		{member: "token_policy.viewer_mints_per_minute", label: "Tokens a minute of a viewer", as: asCount, help: "Who calls with a token of their own provider. 0: no limit."},
		{member: "token_policy.management_per_minute", label: "Other requests a minute", as: asCount, help: "For each API key." + emptyIsDefault},
		{member: "token_policy.allowed_claims", label: "Claims that callers may set", as: asWords, help: "Names, separated by commas."},
		{member: "token_policy.allow_all_videos", label: "Back ends may ask for tokens that open all videos", as: asYes},
		{member: "token_policy.audit_mints", label: "Every token stands in the audit record", as: asYes},
	}},
	{name: "rotation", title: "Rotation", fields: []setting{
		{member: "rotation_policy.rotate_every", label: "Rotate every", as: asSeconds, help: "As in 30d." + emptyIsDefault},
		{member: "rotation_policy.propagation_delay", label: "Propagation delay", as: asSeconds, help: "How long after its registration a key begins to sign, as in 1m." + emptyIsDefault},
		{member: "rotation_policy.key_budget", label: "Key budget", as: asCount, help: "How many of our keys the platform may hold." + emptyIsDefault},
		{member: "rotation_policy.key_kind", label: "Kind of signing key", as: asKind, help: "That of the next key. A kind that the platform does not take is refused."},
	}},
	{name: "viewers", title: "Viewers", fields: []setting{
		{member: "viewer_policy.issuers", label: "Identity providers", as: asIssuers, help: "One in each line: the issuer's address, and then its audiences, as in https://login.example.com shop app."},
		{member: "viewer_policy.origins", label: "Pages that may call", as: asLines, help: "One origin in each line, as in https://www.example.com."},
		{member: "viewer_policy.drm_policies", label: "DRM policies that viewers may ask for", as: asWords, help: "Separated by commas. Empty: all."},
	}},
	{name: "webhook", title: "Webhook", fields: []setting{
		{member: webhookURL, label: "Address", as: asText, help: "Asked before every token, after the rule. Empty: no webhook."},
		{member: "viewer_policy.webhook.timeout", label: "Timeout", as: asSeconds, help: "1s to 10s." + emptyIsDefault},
		{member: webhookSecret, label: "Secret", as: asSecret, help: "Base64 of 24 to 64 bytes, as openssl rand -base64 32 prints. It signs requests to the webhook, and is never shown. Empty: it stays as it is."},
	}},
}

const (
	webhookURL    = "viewer_policy.webhook.url"
	webhookSecret = "viewer_policy.webhook_secret"
)

// lookUp is a member of a document by its path; nil if it is not there.
func lookUp(document map[string]any, path string) any {
	at := any(document)
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

// put sets a member of a document by its path.
func put(document map[string]any, path string, value any) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, is := document[name].(map[string]any)
		if !is {
			inner = map[string]any{}
			document[name] = inner
		}
		document = inner
	}
	document[names[len(names)-1]] = value
}

// spell is a member's value as a person types it.
func (s setting) spell(value any) string {
	switch s.as {
	case asSeconds:
		if n, is := value.(float64); is {
			return spelled(int64(n))
		}
	case asCount:
		if n, is := value.(float64); is {
			return strconv.FormatInt(int64(n), 10)
		}
	case asYes:
		if value == true {
			return "on"
		}
	case asWords:
		return strings.Join(texts(value), ", ")
	case asLines:
		return strings.Join(texts(value), "\n")
	case asIssuers:
		return strings.Join(issuerLines(value), "\n")
	case asText, asKind:
		text, _ := value.(string)
		return text
	}
	return ""
}

func texts(value any) (all []string) {
	list, _ := value.([]any)
	for _, one := range list {
		text, _ := one.(string)
		all = append(all, text)
	}
	return all
}

func issuerLines(value any) (lines []string) {
	list, _ := value.([]any)
	for _, one := range list {
		object, _ := one.(map[string]any)
		issuer, _ := object["issuer"].(string)
		lines = append(lines, strings.Join(append([]string{issuer}, texts(object["audiences"])...), " "))
	}
	return lines
}

// parse reads what was typed in; nil resets the member. The error is for people.
func (s setting) parse(typed string) (any, error) {
	switch {
	case s.as == asYes:
		return typed != "", nil
	case typed == "":
		return nil, nil
	case s.as == asSeconds:
		return parseDuration(typed)
	case s.as == asCount:
		n, err := strconv.ParseUint(typed, 10, 31)
		if err != nil {
			return nil, errors.New("is no whole number from 0 on")
		}
		return n, nil
	case s.as == asWords:
		return separated(typed, ","), nil
	case s.as == asLines:
		return separated(typed, "\n"), nil
	case s.as == asIssuers:
		return typedIssuers(typed), nil
	}
	return typed, nil
}

// separated are the texts between separators, without blanks around them.
func separated(text, separator string) []string {
	values := []string{}
	for one := range strings.SplitSeq(text, separator) {
		if one = strings.TrimSpace(one); one != "" {
			values = append(values, one)
		}
	}
	return values
}

func typedIssuers(typed string) []map[string]any {
	issuers := []map[string]any{}
	for _, line := range separated(typed, "\n") {
		words := strings.Fields(line)
		issuers = append(issuers, map[string]any{"issuer": words[0], "audiences": words[1:]})
	}
	return issuers
}

// sectionActs are the forms of all sections.
func sectionActs() (acts []act) {
	for _, s := range sections {
		acts = append(acts, act{path: "/projects/{project}/settings/" + s.name, form: s.form, request: s.request, tell: tellSaved})
	}
	return acts
}

// document is the project that the page is about, as the API shows it.
func (v *visit) document() (document map[string]any, err error) {
	err = v.get(v.project(), &document)
	return document, err
}

func (s section) form(v *visit) (form, error) {
	document, err := v.document()
	name, _ := document["name"].(string)
	f := form{Title: s.title + " of " + name, Confirm: "Save", Back: v.settingsPage()}
	for _, one := range s.fields {
		f.Fields = append(f.Fields, one.field(lookUp(document, one.member)))
	}
	return f, err
}

func (s setting) field(value any) field {
	f := field{Name: s.member, Label: s.label, Help: s.help, Kind: "text", Value: s.spell(value)}
	switch s.as {
	case asYes:
		f.Kind = "checkbox"
	case asLines, asIssuers:
		f.Kind = "textarea"
	case asSecret:
		f.Kind = "password"
	case asKind:
		f.Kind, f.Options = "select", append([]option{{"", "The deployment's default"}}, kinds...)
	}
	return f
}

// request has only what was changed: a default that the form shows stays one.
func (s section) request(v *visit) (request, error) {
	document, err := v.document()
	if err != nil {
		return request{}, err
	}
	body, wrong := map[string]any{}, []fieldFault(nil)
	for _, one := range s.fields {
		typed := strings.ReplaceAll(v.typed(one.member), "\r\n", "\n")
		if typed == one.spell(lookUp(document, one.member)) {
			continue
		}
		value, err := one.parse(typed)
		if err != nil {
			wrong = append(wrong, fieldFault{Field: one.member, Detail: err.Error()})
			continue
		}
		put(body, one.member, value)
	}
	if len(wrong) > 0 {
		return request{}, &Problem{Status: http.StatusBadRequest, Title: "Not sent", Detail: "The form has mistakes.", Fields: wrong}
	}
	hook, _ := lookUp(body, "viewer_policy.webhook").(map[string]any)
	if address, changed := hook["url"]; changed && address == nil {
		put(body, "viewer_policy.webhook", nil)
		put(body, webhookSecret, nil)
	}
	return request{method: http.MethodPatch, path: v.project(), body: body}, nil
}

func tellSaved(v *visit, done answer) (result, error) {
	var p project
	err := done.into(&p)
	return result{Title: p.Name + " is saved", Back: v.settingsPage()}, err
}
