package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/settings"
)

func (a *app) settings() *cobra.Command {
	return &cobra.Command{
		Use: "settings", Short: "Print every setting: the value in force, the default and the meaning", Args: arguments(),
		Long: "Prints every setting. Of a secret it says only whether it is set. Settings that cannot be read are\n" +
			"\"invalid\", and the exit code is 2; rules between settings are the business of the verb that uses them.",
		RunE: func(*cobra.Command, []string) error {
			values, problems := settings.InForce(a.environ)
			if err := a.print(viewSettings(values)); err != nil {
				return err
			}
			return problems
		},
	}
}

type settingsView struct {
	Settings []settingView `json:"settings"`
}

type settingView struct {
	Name    string `json:"name"`
	Value   string `json:"value"` // in force; of a secret "set" or "unset"; "invalid" if it cannot be read
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	Secret  bool   `json:"secret"`
	UsedBy  string `json:"used_by"`
}

func viewSettings(values []settings.Value) (view settingsView) {
	for _, v := range values {
		view.Settings = append(view.Settings, settingView{
			Name: v.Name, Value: v.InForce, Default: v.Default, Meaning: strings.ReplaceAll(v.Meaning, "`", ""),
			Secret: v.Secret, UsedBy: v.UsedBy,
		})
	}
	return view
}

func (v settingsView) table(w io.Writer) {
	fmt.Fprintln(w, "NAME\tVALUE\tDEFAULT\tMEANING")
	for _, s := range v.Settings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, cmp.Or(s.Value, "-"), cmp.Or(s.Default, "-"), s.Meaning)
	}
}
