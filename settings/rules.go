package settings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"playtoken/keyrotation"
)

// rules are the conditions between settings that hold for every verb.
func (s *Settings) rules() []rule {
	return []rule{
		{[]string{"PLAYTOKEN_TOKEN_TTL", "PLAYTOKEN_TOKEN_MAX_TTL"}, func() error {
			return unless(s.TokenTTL <= s.Rotation.MaxTTL,
				"PLAYTOKEN_TOKEN_TTL: longer than PLAYTOKEN_TOKEN_MAX_TTL; lower it or raise the other")
		}},
		// Of no setting by name: one that cannot be parsed has its default here,
		// and what is wrong with the others is still reported.
		{nil, s.checkRotation},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_PLATFORM_API_KEY"}, func() error {
			return unless(s.APIKey.IsZero() || s.Account.Exists(),
				"PLAYTOKEN_API_KEY: belongs to the project default, which does not exist; set PLAYTOKEN_PLATFORM_API_KEY to create it")
		}},
		{names(new(Account).rows()), s.Account.check},
		{[]string{"PLAYTOKEN_OPERATOR_ISSUER", "PLAYTOKEN_OPERATOR_CLIENT_ID", "PLAYTOKEN_OPERATOR_ROLES", "PLAYTOKEN_URL"}, s.checkOperators},
		{[]string{"PLAYTOKEN_CONSOLE", "PLAYTOKEN_CONSOLE_LISTEN", "PLAYTOKEN_LISTEN", "PLAYTOKEN_METRICS_LISTEN"}, s.checkConsole},
		{[]string{"PLAYTOKEN_TLS_CERT", "PLAYTOKEN_TLS_KEY", "PLAYTOKEN_TLS_CLIENT_CA"}, s.checkTLS},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_ADMIN_KEY"}, func() error {
			return unless(!s.APIKey.Equal(s.AdminKey.Reveal()),
				"PLAYTOKEN_API_KEY: the same as PLAYTOKEN_ADMIN_KEY; a front end must not hold the admin key")
		}},
	}
}

// checkConsole: there is a console where it has an address, and the address is its
// own. Port 0 is another port each time.
func (s *Settings) checkConsole() error {
	if s.ConsoleListen == "" {
		return nil
	}
	taken := !strings.HasSuffix(s.ConsoleListen, ":0") && (s.ConsoleListen == s.Listen || s.ConsoleListen == s.MetricsListen)
	return errors.Join(
		unless(s.Console != "off", "PLAYTOKEN_CONSOLE_LISTEN: there is no console with PLAYTOKEN_CONSOLE=off; remove one of the two"),
		unless(!taken, "PLAYTOKEN_CONSOLE_LISTEN: the address of another listener; leave it unset to serve the console with everything else"))
}

// checkTLS: a server has the whole of a certificate, or none of it.
func (s *Settings) checkTLS() error {
	t := s.TLS
	return errors.Join(
		unless(t.Cert != "" || t.Key == "" && t.ClientCA == "", "PLAYTOKEN_TLS_CERT: required with the other settings of TLS"),
		unless(t.Key != "" || t.Cert == "", "PLAYTOKEN_TLS_KEY: required with PLAYTOKEN_TLS_CERT"))
}

// checkOperators: a sign-in can be finished.
func (s *Settings) checkOperators() error {
	o := s.Operators
	if o.Issuer == "" {
		return unless(o.ClientID == "" && o.ClientSecret.IsZero() && o.Roles == "",
			"PLAYTOKEN_OPERATOR_ISSUER: required with the other settings of operators' sign-in")
	}
	return errors.Join(
		unless(o.ClientID != "", "PLAYTOKEN_OPERATOR_CLIENT_ID: required with PLAYTOKEN_OPERATOR_ISSUER"),
		unless(o.Roles != "", `PLAYTOKEN_OPERATOR_ROLES: required with PLAYTOKEN_OPERATOR_ISSUER, such as: "admins" in claims.groups ? "admin" : ""`),
		unless(s.PublicURL != "", "PLAYTOKEN_URL: required with PLAYTOKEN_OPERATOR_ISSUER, for the provider to send people back to"))
}

// checkRotation reports why no rotation could follow the policy, with the
// settings that its fields come from.
func (s *Settings) checkRotation() error {
	named := map[keyrotation.PolicyField]string{}
	for _, row := range s.rows() {
		named[row.field] = row.Name
	}
	var problems []error
	for _, err := range split(s.Rotation.Validate()) {
		if p, ok := errors.AsType[*keyrotation.PolicyError](err); ok {
			err = fmt.Errorf("%s: %v: %s", named[p.Field], p.Value, p.Why)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// storeRule: the store can be opened.
func (s *Settings) storeRule() rule {
	return rule{names(new(Settings).storeRows()), func() error {
		if s.StoreFile != "" {
			return unless(!s.StorePassword.IsZero(), "PLAYTOKEN_STORE_PASSWORD: required for a file store")
		}
		return s.checkLogin()
	}}
}

// credentialOf is a setting that one way to log in to Vault requires.
type credentialOf struct {
	methods, name string
	set           bool
	optional      bool
}

// checkLogin refuses a login that lacks a credential. It also refuses the
// credential of another login, which an operator could believe to be in use.
func (s *Settings) checkLogin() error {
	v := s.Vault
	problems := []error{unless(v.Method != "token" || !v.Token.IsZero(),
		"VAULT_TOKEN: required for the store in Vault, unless PLAYTOKEN_VAULT_AUTH names another way to log in")}
	for _, c := range []credentialOf{
		{methods: "approle", name: "PLAYTOKEN_VAULT_ROLE_ID", set: v.RoleID != ""},
		{methods: "approle", name: "PLAYTOKEN_VAULT_SECRET_ID", set: !v.SecretID.IsZero()},
		{methods: "kubernetes, jwt or cert", name: "PLAYTOKEN_VAULT_ROLE", set: v.Role != "", optional: v.Method == "cert"},
		{methods: "kubernetes or jwt", name: "PLAYTOKEN_VAULT_JWT_FILE", set: v.JWTFile != "", optional: v.Method == "kubernetes"},
	} {
		switch of := strings.Contains(c.methods, v.Method); {
		case of && !c.set && !c.optional:
			problems = append(problems, fmt.Errorf("%s: required for PLAYTOKEN_VAULT_AUTH=%s", c.name, v.Method))
		case !of && c.set:
			problems = append(problems, fmt.Errorf("%s: only for PLAYTOKEN_VAULT_AUTH=%s; unset it or change that", c.name, c.methods))
		}
	}
	return errors.Join(problems...)
}

// gateRule: the gate has media to serve, and a credential protects its key API.
func (s *Settings) gateRule() rule {
	return rule{[]string{"PLAYTOKEN_GATE_MEDIA", "PLAYTOKEN_GATE_API_KEY"}, func() error {
		return errors.Join(
			unless(s.Gate.Media != "", "PLAYTOKEN_GATE_MEDIA: required (or --media)"),
			unless(!s.Gate.APIKey.IsZero(), "PLAYTOKEN_GATE_API_KEY: required"),
			withName("PLAYTOKEN_GATE_API_KEY", longEnough(s.Gate.APIKey)))
	}}
}

// steeringRule: a player that is steered has a ticket to go on with, though it
// misses an answer.
func (s *Settings) steeringRule() rule {
	g := &s.Gate
	return rule{[]string{"PLAYTOKEN_GATE_STEERING", "PLAYTOKEN_GATE_STEERING_MAX", "PLAYTOKEN_GATE_SESSION_TTL"}, func() error {
		if g.Steering == 0 {
			return nil
		}
		return errors.Join(
			unless(g.Steering >= time.Minute, "PLAYTOKEN_GATE_STEERING: less than a minute; players would fetch a playlist as often"),
			unless(g.SessionTTL >= 3*g.Steering, "PLAYTOKEN_GATE_STEERING: more than a third of PLAYTOKEN_GATE_SESSION_TTL; lower it or raise the other"),
			unless(g.SteeringMax >= g.SessionTTL, "PLAYTOKEN_GATE_STEERING_MAX: less than PLAYTOKEN_GATE_SESSION_TTL; raise it or lower the other"))
	}}
}

// gateForwardRule: behind a proxy that asks /auth the gate cannot see how viewers
// reach the files, so whether cookies are for encrypted connections only would
// be a guess.
func (s *Settings) gateForwardRule() rule {
	return rule{[]string{"PLAYTOKEN_GATE_FORWARD", "PLAYTOKEN_GATE_URL"}, func() error {
		return unless(s.Gate.Forward == "" || s.Gate.Forward == "mediamtx" || s.Gate.URL != "",
			"PLAYTOKEN_GATE_URL: required with PLAYTOKEN_GATE_FORWARD: set it to how viewers reach the files, for example https://videos.example.com")
	}}
}

func withName(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// gateStoreRule: the store that a gate shares can be opened.
func (s *Settings) gateStoreRule() rule {
	names := append(names(new(Settings).storeRows()), "PLAYTOKEN_GATE_STORE", "PLAYTOKEN_GATE_DATA")
	return rule{names, func() error {
		switch {
		case !s.Gate.Shares:
			return nil
		case s.Gate.StoreFile == "":
			return s.checkLogin()
		}
		return errors.Join(
			unless(!s.StorePassword.IsZero(), "PLAYTOKEN_STORE_PASSWORD: required for PLAYTOKEN_GATE_STORE=file:PATH"),
			unless(s.Gate.StoreFile != s.Gate.Data, "PLAYTOKEN_GATE_STORE: the file is PLAYTOKEN_GATE_DATA; a data file is not encrypted and belongs to one gate"))
	}}
}

func unless(fine bool, problem string) error {
	if fine {
		return nil
	}
	return errors.New(problem)
}
