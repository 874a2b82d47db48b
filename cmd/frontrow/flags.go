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
	config *string
}

func (c command) flags(name, args, about string) flags {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(c.stderr)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: frontrow %s [flags] %s\n\n%s\n\n", name, args, about)
		f.PrintDefaults()
	}
	return flags{f, f.String("config", "", "YAML `file` with a line per flag")}
}

// parse reads the arguments, then fills what they left open.
func (f flags) parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
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
			err = set(f.FlagSet, g.Name, v, "environment "+variable(g.Name))
		} else if v, ok := file[g.Name]; ok {
			err = set(f.FlagSet, g.Name, fmt.Sprint(v), *f.config)
		}
		delete(file, g.Name)
	})
	if err != nil {
		return err
	}
	for name := range file {
		if !given[name] {
			return fmt.Errorf("%s: there is no flag %q", *f.config, name)
		}
	}
	return nil
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
