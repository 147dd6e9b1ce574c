// Package reload reads files again that change while a process runs, so that a
// credential or a certificate is replaced without a restart.
//
// The decision a newcomer would get wrong: files are looked at every second, and
// no event of the file system is waited for. Kubernetes replaces a link two
// folders above the file, other tools rename a new file into place or write in
// place, and file systems on a network report none of that.
package reload

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// every is how often each part is looked at. Its files are short, and one is read
// in a few microseconds.
const every = time.Second

// Look reads the files of a part again and takes over what is new, and reports
// whether there was something new. On an error, which must show no secret, what
// was in use stays in use. Calls never overlap.
type Look func(context.Context) (changed bool, err error)

// Reloader looks at the parts of a process that are read from files. Parts are
// added before it runs.
type Reloader struct {
	log     *slog.Logger
	parts   []*part
	restart []string
}

// part is what one setting names.
type part struct {
	setting string
	look    Look
	failed  string // what the last look said
	told    string // what was logged last
}

// New returns a reloader without parts.
func New(log *slog.Logger) *Reloader { return &Reloader{log: log} }

// Add adds a part, by the name of the setting that names its files.
func (r *Reloader) Add(setting string, look Look) {
	r.parts = append(r.parts, &part{setting: setting, look: look})
}

// NeedsRestart names a setting whose file cannot be read again. At each
// hangup the log says so.
func (r *Reloader) NeedsRestart(setting string) { r.restart = append(r.restart, setting) }

// Run looks at every part each second, and at each hangup, until ctx ends. A
// hangup is a SIGHUP, after which the log says how each part fared. Hangups may be
// nil.
func (r *Reloader) Run(ctx context.Context, hangups <-chan os.Signal) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			for _, p := range r.parts {
				p.examine(ctx, r.log)
			}
		case <-hangups:
			r.hangUp(ctx)
		}
	}
}

// hangUp looks twice, because a change counts once two looks agree on it.
func (r *Reloader) hangUp(ctx context.Context) {
	changed, same, failed := []string{}, []string{}, []string{}
	for _, p := range r.parts {
		p.told = "" // the operator asks: a problem is told again
		first, second := p.examine(ctx, r.log), p.examine(ctx, r.log)
		switch {
		case first || second:
			changed = append(changed, p.setting)
		case p.failed != "":
			failed = append(failed, p.setting)
		default:
			same = append(same, p.setting)
		}
	}
	r.log.Info("SIGHUP: files were read again; all other settings need a restart",
		"replaced", changed, "unchanged", same, "failed", failed, "need_restart", append([]string{}, r.restart...))
}

// examine looks once. A problem is logged when two looks in a row found it,
// because a file may be empty, or away, while it is replaced.
func (p *part) examine(ctx context.Context, log *slog.Logger) (changed bool) {
	changed, err := p.look(ctx)
	if changed {
		log.Info("a file changed and is in use", "setting", p.setting)
	}
	if err == nil {
		p.failed, p.told = "", ""
		return changed
	}
	again := p.failed == err.Error()
	p.failed = err.Error()
	if again && p.told != p.failed {
		p.told = p.failed
		log.Warn("a file cannot be used; what was read before stays in use", "setting", p.setting, "error", err)
	}
	return changed
}
