package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"frontrow/eventfile"
	"frontrow/gateway/abuse/challenge"
	"frontrow/wire"

	"github.com/alecthomas/kong"
)

// sources are where flags come from: the command line, then FRONTROW_* variables, then
// a YAML file. The names in each must be right: a name that nothing reads is a typing
// error, and what it was to set is not set.
type sources struct {
	Config string `placeholder:"FILE" help:"YAML file with a line per flag. A repeatable flag takes a list there, and commas in its FRONTROW_* variable."`
}

// BeforeResolve reads variables and file.
func (s *sources) BeforeResolve(c *kong.Context) error {
	if err := checkVariables(c.Model); err != nil {
		return err
	}
	flags := c.Flags()
	path := c.FlagValue(flags[slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == "config" })]).(string)
	if path == "" {
		path = os.Getenv(variable("config"))
	}
	file, err := readConfig(path, commandOf(c).FullPath(), flags)
	if err != nil {
		return err
	}
	c.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if v, ok := os.LookupEnv(variable(f.Name)); ok {
			value, err := valueOf(f, []string{v}, false)
			if err != nil {
				return nil, fmt.Errorf("environment %s: %w", variable(f.Name), err)
			}
			return value, nil
		}
		return file[f.Name], nil
	}))
	return nil
}

// readConfig reads a file of flags for a command: the value of each that stands there. The
// error has all faults, each with its line and column.
func readConfig(path, command string, flags []*kong.Flag) (map[string]any, error) {
	if path == "" {
		return nil, nil
	}
	file, settings, err := eventfile.Settings(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	known, names := map[string]*kong.Flag{}, []string{}
	for _, f := range flags {
		if f.Name != "help" {
			known[f.Name], names = f, append(names, f.Name)
		}
	}
	values := map[string]any{}
	for _, s := range settings {
		f, ok := known[s.Name]
		if !ok {
			s.Unknown(command, names)
			continue
		}
		if !file.Sound(s.Name) {
			continue
		}
		if values[s.Name], err = valueOf(f, s.Texts, s.List); err != nil {
			s.Wrong(err)
		}
	}
	if err := file.Err(); err != nil {
		return nil, fmt.Errorf("config %w", err)
	}
	return values, nil
}

// valueOf returns what a source says of a flag, one text or a list: a list if the flag is
// repeatable, by commas, lines or as it is; the whole text if not.
func valueOf(f *kong.Flag, texts []string, list bool) (v any, err error) {
	switch {
	case f.IsSlice():
		var array []any
		for _, e := range texts {
			parts := []string{e}
			if !list {
				parts = strings.FieldsFunc(e, func(r rune) bool { return r == ',' || r == '\n' })
			}
			for _, e := range parts {
				if e = strings.TrimSpace(e); e != "" {
					array = append(array, e)
				}
			}
		}
		v = array
	case list:
		v = strings.Join(texts, ",")
	default:
		v = texts[0]
	}
	if err := f.Parse(kong.Scan().PushTyped(v, kong.FlagValueToken), reflect.New(f.Target.Type()).Elem()); err != nil {
		return nil, errors.Unwrap(err) // without the flag's name, which is put before this
	}
	return v, nil
}

func variable(flag string) string {
	return "FRONTROW_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// serviceLink is a variable that Kubernetes sets for each Service of a namespace, such
// as FRONTROW_GATEWAY_SERVICE_HOST for one called frontrow-gateway.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?$`)

// checkVariables refuses FRONTROW_* variables that nothing reads.
func checkVariables(app *kong.Application) error {
	var all []string
	_ = kong.Visit(app, func(v kong.Visitable, next kong.Next) error {
		if f, ok := v.(*kong.Flag); ok && f.Name != "help" { // a variable of another command's flag is not this one's business
			all = append(all, variable(f.Name))
		}
		return next(nil)
	})
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, variable("")) && name != variable("failpoint") && !serviceLink.MatchString(name) && !slices.Contains(all, name) {
			return fmt.Errorf("environment %s: correct or unset it: no command has such a flag%s", name, meant(name, all))
		}
	}
	return nil
}

// meant says what an unknown name was probably to be.
func meant(name string, names []string) string {
	if n := eventfile.Nearest(name, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// defaults returns the defaults that are defined elsewhere.
func defaults() kong.Vars {
	thresholds := challenge.DefaultThresholds()
	return kong.Vars{
		"challenge_at": strconv.Itoa(thresholds.Standard), "strong_challenge_at": strconv.Itoa(thresholds.Strong),
		"old_pass": oldPass.String(), "old_secret": oldSecret.String(), "priority": wire.LanePriority, "general": wire.LaneGeneral, "home": homeRegion, "defences": strings.Join(defenceNames(), ","),
		"migrate_within": migrateWithin.String(),
	}
}
