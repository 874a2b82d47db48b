package main

import (
	"errors"
	"fmt"
	"frontrow/keyring"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// Secrets stand in files or variables, and in no list of processes; what is said of
// a failure names none.

// maxSecret bounds a secret's file.
const maxSecret = 64 << 10

// secretFile is a flag that names a file with the value of another: --postgres-file
// is for --postgres, which it keeps out of lists of processes.
type secretFile string

// AfterApply fills the other.
func (s secretFile) AfterApply(c *kong.Context, this *kong.Path) error {
	if s == "" {
		return nil
	}
	name := strings.TrimSuffix(this.Flag.Name, "-file")
	for _, given := range c.Path {
		if given.Flag != nil && given.Flag.Name == name {
			return fmt.Errorf("--%s and --%s are both set: leave one out", name, this.Flag.Name)
		}
	}
	raw, err := readSecret(string(s))
	if err != nil {
		return fmt.Errorf("--%s: %w", this.Flag.Name, err)
	}
	for _, f := range c.Flags() {
		if f.Name == name {
			f.Target.SetString(string(raw))
		}
	}
	return nil
}

// readSecret returns the content of a private file, without the trailing newline.
func readSecret(path string) ([]byte, error) {
	f, err := keyring.OpenPrivate(path)
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

// redacted returns a text without what may be a secret.
func redacted(text string) string {
	return keyword.ReplaceAllString(userinfo.ReplaceAllString(text, "://***@"), "$1$2***")
}

// withoutPassword returns a DSN as a terminal may show it: who uses it has the password
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
