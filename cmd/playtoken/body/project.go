package body

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"playtoken/settings"
)

// Project is what flags say about a project: what most need as flags of their own,
// and everything in a file with the Admin API's body.
type Project struct {
	cmd         *cobra.Command
	stdin       io.Reader
	usage       Usage
	from        *string
	settings    *map[string]string
	credentials *[]string
	unchecked   *bool // nil: there is no such flag
}

// MaxFrom is the longest body that the Admin API takes, in bytes.
const MaxFrom = 64 << 10

// ProjectFlags adds the flags to a verb. Platforms lists the platforms that there
// are. Unchecked adds the flag with which a platform is not asked about a credential.
func ProjectFlags(cmd *cobra.Command, stdin io.Reader, platforms string, unchecked bool, usage Usage) *Project {
	p := AccountFlags(cmd, stdin, platforms, usage)
	p.from = cmd.Flags().String("from", "", "file with the Admin API's JSON body, - for standard input; the other flags go before it")
	cmd.Flags().String("name", "", "a name for people")
	if unchecked {
		p.unchecked = cmd.Flags().Bool("unchecked", false, "save a new credential without asking the platform whether it accepts it")
	}
	return p
}

// AccountFlags adds only those of an account at a platform.
func AccountFlags(cmd *cobra.Command, stdin io.Reader, platforms string, usage Usage) *Project {
	p := &Project{cmd: cmd, stdin: stdin, usage: usage, from: new("")}
	cmd.Flags().String("platform", "", platforms+"; playtoken platforms says what each needs")
	p.settings = cmd.Flags().StringToString("setting", nil, "name=value of the platform's settings")
	p.credentials = cmd.Flags().StringArray("credential", nil, "name=FILE of the platform's credential")
	return p
}

// Body is what was given. Errors: of usage.
func (p *Project) Body() (map[string]any, error) {
	body, err := p.file()
	if err != nil {
		return nil, err
	}
	if p.unchecked != nil && *p.unchecked {
		body["unchecked"] = true
	}
	AddTexts(p.cmd, body, "name", "platform")
	if len(*p.settings) > 0 {
		body["platform_settings"] = *p.settings
	}
	if len(*p.credentials) > 0 {
		if body["platform_credential"], err = Credential(*p.credentials, p.usage); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// Credential reads each part of a credential from its file, name=FILE. If the
// credential itself was given in place of a file, no error repeats it. Errors: of
// usage.
func Credential(files []string, usage Usage) (map[string]string, error) {
	parts := map[string]string{}
	for _, entry := range files {
		name, file, found := strings.Cut(entry, "=")
		if !found {
			return nil, usage("--credential: want name=FILE")
		}
		text, err := settings.ReadSecret(file)
		if err != nil {
			return nil, usage(fmt.Sprintf("--credential: %s: want name=FILE: %v", name, err))
		}
		parts[name] = text
	}
	return parts, nil
}

// file reads a JSON object from the file; without a file it is empty.
func (p *Project) file() (map[string]any, error) {
	body := map[string]any{}
	if *p.from == "" {
		return body, nil
	}
	in := p.stdin
	if *p.from != "-" {
		opened, err := os.Open(*p.from)
		if err != nil {
			return nil, p.usage("--from: " + withoutPath(err).Error())
		}
		defer opened.Close()
		in = opened
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxFrom+1))
	switch {
	case err != nil:
		return nil, p.usage("--from: " + withoutPath(err).Error())
	case len(data) > MaxFrom:
		return nil, p.usage(fmt.Sprintf("--from: longer than %d bytes", MaxFrom))
	}
	if err := json.Unmarshal(data, &body); err != nil || body == nil {
		return nil, p.usage("--from: want one JSON object" + place(err))
	}
	return body, nil
}

// place says where JSON went wrong, and nothing of it: there may be a
// credential in it.
func place(err error) string {
	if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Sprintf("; it is invalid at byte %d", wrong.ByteOffset)
	}
	return ""
}

// withoutPath leaves out the path of a file, which may be a secret that was given in
// place of one.
func withoutPath(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}
