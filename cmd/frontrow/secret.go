package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"frontrow/wire"
)

// Secrets stand in files or variables, and in no list of processes; what is said of
// a failure names none.

// maxSecret bounds a secret's file.
const maxSecret = 64 << 10

// secret is a flag that a file may hold instead.
type secret struct {
	name        string
	value, file *string
}

// secret adds a flag for a secret, and one for a file with it.
func (f flags) secret(value *string, name, without, usage string) {
	f.StringVar(value, name, without, usage)
	file := f.String(name+"-file", "", "`file` with the value of --"+name+", which keeps it out of process lists")
	*f.secrets = append(*f.secrets, secret{name, value, file})
}

// readSecrets fills the flags whose files are named.
func (f flags) readSecrets(given map[string]bool) error {
	for _, s := range *f.secrets {
		if *s.file == "" {
			continue
		}
		if given[s.name] {
			return fmt.Errorf("--%s and --%s-file are both set: leave one out", s.name, s.name)
		}
		raw, err := secretFile(*s.file)
		if err != nil {
			return fmt.Errorf("--%s-file: %w", s.name, err)
		}
		*s.value = string(raw)
	}
	return nil
}

// secretFile is what a private file holds, without the line's end.
func secretFile(path string) ([]byte, error) {
	f, err := wire.OpenPrivate(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text := strings.TrimSpace(string(raw))
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, errors.New(path + " is empty")
	case len(raw) > maxSecret:
		return nil, fmt.Errorf("%s has more than %d bytes: it is no secret of ours", path, maxSecret)
	}
	return []byte(text), nil
}

// Where a text may hold a password or a token: before the host of a URL, and as the
// value of a connection's keyword.
var (
	userinfo = regexp.MustCompile(`://\S*@`)
	keyword  = regexp.MustCompile(`(?i)\b(password|passwd|sslpassword|token|secret)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)`)
)

// redacted is a text without what may be a secret.
func redacted(text string) string {
	return keyword.ReplaceAllString(userinfo.ReplaceAllString(text, "://***@"), "$1$2***")
}

// withoutPassword is a DSN as a terminal may show it: who uses it has the password
// from elsewhere.
func withoutPassword(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		if q := u.Query(); q.Has("password") {
			q.Del("password")
			u.RawQuery = q.Encode()
		}
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
		return u.String()
	}
	return redacted(dsn)
}

// redactErrors leaves secrets out of the errors that are logged.
func redactErrors(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(redacted(err.Error()))
	}
	return a
}
