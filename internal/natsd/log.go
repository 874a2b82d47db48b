package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// logLines turns the server's log lines into slog records. It keeps the first
// fatal line: the server calls Fatalf and then gives up without telling its
// embedder any other way.
type logLines struct {
	logger *slog.Logger

	mu    sync.Mutex
	fatal error
}

func (l *logLines) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Filestore") { // recovery messages of every start: nothing to act on
		level = slog.LevelInfo
	}
	l.logger.Log(context.Background(), level, fmt.Sprintf(format, v...))
}
func (l *logLines) Errorf(format string, v ...any) { l.logger.Error(fmt.Sprintf(format, v...)) }

func (l *logLines) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	err := errors.New(line)
	if strings.Contains(line, "address already in use") {
		err = fmt.Errorf("%w (%s)", ErrPortTaken, line)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = err
	}
}

func (l *logLines) fatalError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

// The server's lines below warn are dropped.

func (*logLines) Noticef(string, ...any) {}
func (*logLines) Debugf(string, ...any)  {}
func (*logLines) Tracef(string, ...any)  {}
