package console

import (
	"net/http"
	"slices"
)

// uncheckedField is the box that saves an account about which nothing is known.
const uncheckedField = "unchecked"

// accountCheck is what a platform says about an account, as the API tells it.
type accountCheck struct {
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// Good reports whether the account can be saved as it is.
func (c accountCheck) Good() bool {
	return slices.Contains([]string{"accepted", "not_checked"}, c.Outcome)
}

// Open reports whether it is not known if the account is right, or the person may
// know better: then it may be saved unchecked.
func (c accountCheck) Open() bool {
	return slices.Contains([]string{"unreachable", "throttled", "unclear", "other_account"}, c.Outcome)
}

func (c accountCheck) badge() badge {
	switch {
	case c.Good():
		return badge{good, c.Detail}
	case c.Open():
		return badge{warn, c.Detail}
	}
	return badge{bad, c.Detail}
}

func (v *visit) askPlatform(path string, body map[string]any) (c accountCheck, err error) {
	asked, err := v.api().do(request{method: http.MethodPost, path: path, body: body})
	if err == nil {
		err = asked.into(&c)
	}
	return c, err
}

// checkAccount asks a platform about what was typed in, unless the person saves it
// unchecked. The error is a *Problem with the platform's answer.
func (v *visit) checkAccount(path string, body map[string]any) error {
	if v.typed(uncheckedField) != "" {
		v.told = "The platform was not asked about the account."
		return nil
	}
	c, err := v.askPlatform(path, body)
	switch {
	case err != nil:
		return err
	case c.Good():
		v.told = c.Detail
		return nil
	}
	v.open = c.Open()
	return &Problem{Status: http.StatusConflict, Title: "Not saved", Detail: c.Detail}
}

// withUnchecked adds the box that saves an account unchecked to a form, once the
// platform was asked and it is not known whether the account is right.
func (v *visit) withUnchecked(fields []field) []field {
	if !v.open && v.request.PostFormValue(uncheckedField) == "" {
		return fields
	}
	return append(fields, field{Name: uncheckedField, Label: "Save it unchecked", Kind: "checkbox",
		Help: "If it is wrong, rotation stops until it is mended; tokens are made as long as the active key is good."})
}
