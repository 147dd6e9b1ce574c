package settings

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// Files are the files that stand for secrets in an environment, each with the
// text that is in use. A process opens them at start and reads them again while it
// runs. It is not safe for concurrent use.
type Files struct {
	environ []string // without what the files stand for
	read    func(environ []string) (Settings, error)
	held    map[string]*file // by setting
}

// file is what stands for one secret.
type file struct {
	path string
	text string // in use
	seen string // that the last look found
}

// OpenFiles reads the settings of an environment, with the function that a verb
// uses for that, such as ForService. The settings are those that the function
// makes of the files as they are now; its error is returned too.
func OpenFiles(environ []string, read func(environ []string) (Settings, error)) (*Files, Settings, error) {
	f := &Files{environ: slices.Clone(environ), read: read, held: map[string]*file{}}
	env := environment(Variables(environ))
	for _, row := range new(Settings).rows() {
		path := env[row.Name+"_FILE"]
		if !row.Secret || path == "" || env[row.Name] != "" {
			continue
		}
		if text, err := ReadSecret(path); err == nil { // read reports the error
			f.held[row.Name] = &file{path: path, text: text}
			f.environ = slices.DeleteFunc(f.environ, func(entry string) bool { return strings.HasPrefix(entry, row.Name+"_FILE=") })
		}
	}
	set, err := read(f.with("", ""))
	return f, set, err
}

// with returns the environment with the text of each file, and another text for
// one of them.
func (f *Files) with(name, text string) []string {
	environ := slices.Clone(f.environ)
	for setting, held := range f.held {
		if setting == name {
			environ = append(environ, setting+"="+text)
		} else {
			environ = append(environ, setting+"="+held.text)
		}
	}
	return environ
}

// Settings names the settings whose value is in a file, in the order of the table.
// Again tells which of them can be read again: a pipe cannot.
func (f *Files) Settings() (names []string, again map[string]bool) {
	again = map[string]bool{}
	for _, row := range new(Settings).rows() {
		held, ok := f.held[row.Name]
		if !ok {
			continue
		}
		info, err := os.Stat(held.path)
		names = append(names, row.Name)
		again[row.Name] = err == nil && info.Mode().IsRegular()
	}
	return names, again
}

// Look reads the file of a setting again. It returns the settings with the new
// text, and true, once two looks in a row found the same new text, so that a file
// is not used while it is being written, and if the settings with it are without a
// problem. On an error, and it shows no secret, the old text stays.
func (f *Files) Look(name string) (Settings, bool, error) {
	held := f.held[name]
	text, err := ReadSecret(held.path)
	if err != nil {
		held.seen = ""
		return Settings{}, false, err
	}
	settled := text == held.seen
	held.seen = text
	if !settled || text == held.text {
		return Settings{}, false, nil
	}
	set, err := f.read(f.with(name, text))
	if err != nil {
		return Settings{}, false, oneLine(err)
	}
	held.text = text
	return set, true, nil
}

// oneLine is an Error for a log.
func oneLine(err error) error {
	problems, ok := errors.AsType[Error](err)
	if !ok {
		return err
	}
	lines := make([]string, len(problems))
	for i, problem := range problems {
		lines[i] = problem.Error()
	}
	return errors.New(strings.Join(lines, "; "))
}
