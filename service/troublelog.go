package service

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
)

// tellAgain is how often the log repeats what stops viewers or rotation.
const tellAgain = time.Hour

// troubleLog tells the log what is in the way of projects: once when it is new,
// each hour while it lasts, and once when it is over. Only the process that rotates
// by itself does so; a verb prints what it finds.
type troubleLog struct {
	log   *slog.Logger
	speak atomic.Bool

	mu    sync.Mutex
	known map[string][]toldTrouble // by project
}

// toldTrouble is what the log was told, and when.
type toldTrouble struct {
	trouble keyrotation.Trouble
	at      time.Time
}

func (l *troubleLog) tell(project string, troubles []keyrotation.Trouble) {
	if !l.speak.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var known []toldTrouble
	now := time.Now()
	for _, t := range troubles {
		told := toldTrouble{trouble: t, at: now}
		i := slices.IndexFunc(l.known[project], func(k toldTrouble) bool { return k.trouble.Same(t) })
		repeat := i >= 0 && now.Sub(l.known[project][i].at) >= tellAgain && t.Code.Stops() != keyrotation.StopsNothing
		if i >= 0 && !repeat {
			told.at = l.known[project][i].at
		} else {
			l.write(level(t), "finding", project, t)
		}
		known = append(known, told)
	}
	for _, k := range l.known[project] {
		if !slices.ContainsFunc(troubles, k.trouble.Same) {
			l.write(slog.LevelInfo, "finding is over", project, k.trouble)
		}
	}
	if l.known[project] = known; known == nil {
		delete(l.known, project)
	}
}

// forget drops what was told of a project that was deleted.
func (l *troubleLog) forget(project string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, project)
}

// level: what stops nothing by itself is a warning.
func level(t keyrotation.Trouble) slog.Level {
	if t.Code.Stops() >= keyrotation.StopsViewers {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func (l *troubleLog) write(level slog.Level, message, project string, t keyrotation.Trouble) {
	about := []any{"project", project, "code", string(t.Code), "since", t.Since}
	if t.Generation > 0 {
		about = append(about, "generation", t.Generation)
	}
	if t.KeyID != "" {
		about = append(about, "key_id", t.KeyID)
	}
	l.log.Log(context.Background(), level, message, append(about, "detail", t.Detail)...)
}
