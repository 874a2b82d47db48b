// Command frontrow sells tickets when millions of people want them in the same
// second. It is one binary: each service is a subcommand, "dev" is all of them
// in one process, and the rest are tools.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

const about = `frontrow sells tickets when millions of people want them in the same second.

Operators pause, block, release, refund and close with the nats CLI: "nats micro ls"
lists the endpoints, docs/protocol.md explains them.

Every flag may also be an environment variable (--postgres is FRONTROW_POSTGRES) or a
line of a YAML file named by --config. Secrets may be in files of their own
(--postgres-file, --nats-file), which must not be readable by everybody.`

// cli is the command line. A command is a struct: its flags, and Run.
type cli struct {
	sources

	Dev       devCmd       `cmd:"" group:"Services:" help:"All services in one process, with an embedded NATS and a local PostgreSQL."`
	Gateway   gatewayCmd   `cmd:"" group:"Services:" help:"The regional edge: pages, API, WebSocket."`
	Admission admissionCmd `cmd:"" group:"Services:" help:"Calls fans from the queue and issues passes; applies events."`
	Inventory inventoryCmd `cmd:"" group:"Services:" help:"Decides who gets which seat; checkout and ledger."`
	Pricing   struct {
		Serve    pricingCmd         `cmd:"" default:"withargs" help:"Moves prices by the events' rules, and publishes them (\"frontrow pricing\" does, too)."`
		Export   pricingExportCmd   `cmd:"" help:"Write how a sale went, as CSV."`
		Import   pricingImportCmd   `cmd:"" help:"Put into an event file what past sales it is compared with."`
		Replay   pricingReplayCmd   `cmd:"" help:"Compute every price of an event again from the sale log. Exit status 1: one is another."`
		Simulate pricingSimulateCmd `cmd:"" help:"Play a sale against the rules of event files, and write a report."`
	} `cmd:"" group:"Services:" help:"Moves prices by the events' rules, and publishes them."`
	Sandbox sandboxCmd `cmd:"" group:"Services:" help:"A payment provider that moves no money, for rehearsals."`

	Event struct {
		Apply eventApplyCmd `cmd:"" help:"Put an event on sale, or change it; or show what that would change (--dry-run)."`
		Check eventCheckCmd `cmd:"" help:"Check an event file and say how it is understood; needs no server."`
		List  eventListCmd  `cmd:"" help:"List the events."`
	} `cmd:"" group:"Tools:" help:"Events on sale."`
	Plan struct {
		Import   planImportCmd   `cmd:"" help:"Read a seating plan in pretix's format, check it, and write it in frontrow's."`
		Generate planGenerateCmd `cmd:"" help:"Generate a venue."`
		Check    planCheckCmd    `cmd:"" help:"Check a plan in either format."`
	} `cmd:"" group:"Tools:" help:"Seating plans."`
	Draw     drawCmd     `cmd:"" group:"Tools:" help:"Check a draw by the public board, and the rank of a place. Exit status 1: the secret is not the one committed to."`
	Rehearse rehearseCmd `cmd:"" group:"Tools:" help:"Play a whole on-sale with synthetic fans and bots, and check it. Exit status 1: an invariant is broken."`
	Audit    auditCmd    `cmd:"" group:"Tools:" help:"Check every invariant of an event that can be checked at rest; print a report in JSON. Exit status 1: one is broken."`
	Migrate  migrateCmd  `cmd:"" group:"Tools:" help:"Create or update the streams and the PostgreSQL schema."`
	Codes    struct {
		Issue codesIssueCmd `cmd:"" help:"Choose registered fans and issue their access codes."`
		Check codesCheckCmd `cmd:"" help:"Explain an access code, or the link with it: what it opens, for whom, and whether it can be used now. Exit status 1: it can't."`
		Seal  codesSealCmd  `cmd:"" help:"Seal the code of a promotion, for the event's file."`
	} `cmd:"" group:"Tools:" help:"Access codes (Verified Fan), and the codes of promotions."`
	Keys struct {
		Make   keysMakeCmd   `cmd:"" default:"withargs" help:"Make a keyring (\"frontrow keys FILE\" does, too)."`
		Split  keysSplitCmd  `cmd:"" help:"Write the part of a keyring that a role needs."`
		Rotate keysRotateCmd `cmd:"" help:"Add the next keys to it, while services run."`
		Prune  keysPruneCmd  `cmd:"" help:"Remove keys that no longer sign anything."`
		Show   keysShowCmd   `cmd:"" help:"List its keys and what each does now, without their secrets."`
	} `cmd:"" group:"Tools:" help:"The keys that sign passes, barcodes, receipts, cookies and access codes."`
	Version versionCmd `cmd:"" group:"Tools:" help:"Print the version."`
}

// terminal is what every command writes to.
type terminal struct {
	stdout, stderr io.Writer
}

// report prints what a command has found, in JSON for people.
func (c terminal) report(found any) error {
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	return out.Encode(found)
}

// usageError is a command line that can't be meant. The exit status is 2.
type usageError struct{ error }

// status is how a command ends that compares: with its exit status and what it couldn't
// do, nil if it could.
type status struct {
	code  int
	cause error
}

// Exit statuses of a comparison, as diff has them; 0 is no difference.
const (
	exitDiffers = 1
	exitTrouble = 2
)

func (s status) Error() string {
	if s.cause == nil {
		return "there are differences"
	}
	return s.cause.Error()
}

func (s status) Unwrap() error { return s.cause }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	end := status{1, err}
	if errors.As(err, &usageError{}) {
		end.code = 2
	}
	errors.As(err, &end)
	if end.cause != nil {
		fmt.Fprintln(os.Stderr, "frontrow:", redacted(err.Error()))
	}
	os.Exit(end.code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c := terminal{stdout, stderr}
	if len(args) == 0 {
		_, _, _ = terminal{stderr, stderr}.parse(&cli{}, []string{"--help"})
		return usageError{errors.New("no command is given")}
	}
	if args[0] == "help" {
		args = append([]string{"--help"}, args[1:]...)
	}
	command, helped, err := c.parse(&cli{}, args)
	switch {
	case helped:
		return nil
	case err != nil:
		return status{exitTrouble, err} // of variables and files too: nothing was begun
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(c)
	if usage := (usageError{}); errors.As(err, &usage) {
		return explained(command, usage.error)
	}
	return err
}

// parse reads a command line, and what it leaves open from elsewhere (sources), into
// grammar, a pointer to a struct. It reports whether help was asked for and printed.
func (c terminal) parse(grammar any, args []string) (command *kong.Context, helped bool, err error) {
	k, err := kong.New(grammar, kong.Name("frontrow"), kong.Description(about), kong.Writers(c.stdout, c.stderr), defaults(),
		kong.Exit(func(int) { helped = true }), kong.WithHyphenPrefixedParameters(true), kong.ValueFormatter(withDefault),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, NoAppDescFormat: true}))
	if err != nil {
		return nil, false, err
	}
	command, err = k.Parse(args)
	if helped {
		return nil, true, nil // it goes on after that, and means nothing
	}
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.ExitCode() != 1 { // of the command line, not of variables or files
		return nil, false, explained(wrong.Context, err)
	}
	return command, false, err
}

// explained adds what the command takes.
func explained(c *kong.Context, err error) error {
	node := commandOf(c)
	return usageError{fmt.Errorf("%w\nusage: frontrow %s\n%s --help explains it", err, strings.TrimSpace(node.Summary()), node.FullPath())}
}

// commandOf returns the command that a command line names, or all of frontrow.
func commandOf(c *kong.Context) *kong.Node {
	if node := c.Selected(); node != nil {
		return node
	}
	return c.Model.Node
}

// withDefault returns the help of a flag, with its default.
func withDefault(v *kong.Value) string {
	if !v.HasDefault || v.Default == "" || v.IsBool() {
		return v.Help
	}
	return v.Help + " Default: " + v.Default + "."
}

type versionCmd struct{}

func (versionCmd) Run(c terminal) error {
	_, err := fmt.Fprintln(c.stdout, version())
	return err
}

// version returns the module's version, with the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "0.0.0"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "0.0.0-dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += "+" + s.Value[:12]
		}
	}
	return v
}
