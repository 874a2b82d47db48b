package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// flags is a flag set whose flags may also be set by FRONTROW_* variables and
// by a YAML file, in that order of precedence.
type flags struct {
	*flag.FlagSet
	config  *string
	secrets *[]secret
}

func (c command) flags(name, args, about string) flags {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(c.stderr)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: frontrow %s [flags] %s\n\n%s\n\n", name, args, about)
		f.PrintDefaults()
	}
	return flags{f, f.String("config", "", "YAML `file` with a line per flag; a repeatable flag takes an array (commas in FRONTROW_* variables)"), new([]secret)}
}

// parse reads the arguments, then fills what they left open.
func (f flags) parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if err := f.checkVariables(); err != nil {
		return err
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	if v, ok := os.LookupEnv(variable("config")); ok && !given["config"] {
		*f.config = v
	}
	file, err := f.file()
	if err != nil {
		return err
	}
	f.VisitAll(func(g *flag.Flag) {
		if given[g.Name] || err != nil {
			return
		}
		if v, ok := os.LookupEnv(variable(g.Name)); ok {
			err = setAll(f.FlagSet, g, separated(v), "environment "+variable(g.Name), v)
		} else if v, ok := file[g.Name]; ok {
			err = setAll(f.FlagSet, g, elements(v), *f.config, whole(v))
		}
		delete(file, g.Name)
	})
	if err != nil {
		return err
	}
	for name := range file {
		if !given[name] {
			return fmt.Errorf("config %s: %s has no flag %q%s", *f.config, f.Name(), name, suggestion(name, f.names()))
		}
	}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	return f.readSecrets(given)
}

// names are those of the flags.
func (f flags) names() (names []string) {
	f.VisitAll(func(g *flag.Flag) { names = append(names, g.Name) })
	return names
}

func (f flags) file() (map[string]any, error) {
	if *f.config == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(*f.config)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("config %s: %w", *f.config, err)
	}
	return values, nil
}

// setAll sets a flag that may be repeated to each of values, and any other to
// the whole.
func setAll(f *flag.FlagSet, g *flag.Flag, values []string, from, whole string) error {
	if _, repeated := g.Value.(*list); !repeated {
		return set(f, g.Name, whole, from)
	}
	for _, v := range values {
		if err := set(f, g.Name, v, from); err != nil {
			return err
		}
	}
	return nil
}

// separated is the list that a variable holds, by commas or lines.
func separated(v string) []string {
	var values []string
	for _, e := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' }) {
		if e = strings.TrimSpace(e); e != "" {
			values = append(values, e)
		}
	}
	return values
}

// elements is the list that a file holds: an array, or a text like a variable's.
func elements(v any) []string {
	array, ok := v.([]any)
	if !ok {
		return separated(fmt.Sprint(v))
	}
	var values []string
	for _, e := range array {
		values = append(values, fmt.Sprint(e))
	}
	return values
}

// whole is what a file holds as one text; flags of networks take an array so.
func whole(v any) string {
	if array, ok := v.([]any); ok {
		return strings.Join(elements(array), ",")
	}
	return fmt.Sprint(v)
}

func set(f *flag.FlagSet, name, value, from string) error {
	if err := f.Set(name, value); err != nil {
		return fmt.Errorf("%s: --%s: %w", from, name, err)
	}
	return nil
}

func variable(flag string) string {
	return "FRONTROW_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(v string) error {
	*l = append(*l, v)
	return nil
}
