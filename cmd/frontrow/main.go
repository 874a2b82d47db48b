// Command frontrow sells tickets when millions of people want them in the same
// second. It is one binary: each service is a subcommand, "dev" is all of them
// in one process, and the rest are tools.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

const usage = `frontrow sells tickets when millions of people want them in the same second.

Services
  frontrow dev         all of them in one process, with an embedded NATS and a local PostgreSQL
  frontrow gateway     the regional edge: pages, API, WebSocket
  frontrow admission   calls fans from the queue and gives out passes; puts events up for sale
  frontrow inventory   decides who gets which seat; checkout and ledger
  frontrow pricing     publishes prices

Tools
  frontrow event apply -f FILE    put an event up for sale, or change it
  frontrow event list             what is on sale
  frontrow plan import FILE       read a pretix seating plan, check it, write frontrow's format
  frontrow plan generate          make a venue
  frontrow plan check FILE        check a plan of either format
  frontrow draw EVENT             check a draw by the public board, and the rank of a place
  frontrow rehearse --event ID    a whole on-sale with synthetic fans and bots, checked; exit 1 on a broken invariant
  frontrow audit EVENT            check every invariant that can be checked at rest; exit 1 if one is broken
  frontrow migrate                create or update streams and the PostgreSQL schema
  frontrow codes issue            choose registered fans and issue their access codes
  frontrow codes check CODE       explain an access code
  frontrow keys FILE              make a keyring
  frontrow keys split             write the part of it that a role needs
  frontrow keys rotate            put the next keys into it, while services run
  frontrow keys prune             remove keys that nothing is signed with any more
  frontrow keys show              what its keys do now, without their secrets
  frontrow version

Operators pause, block, release, refund and close with the nats CLI: "nats micro ls"
lists the endpoints, docs/protocol.md explains them.

Every flag may also be an environment variable (--postgres is FRONTROW_POSTGRES)
or a line of a YAML file named by --config. "frontrow COMMAND --help" lists them.
Secrets may be in files of their own (--postgres-file, --nats-file), which must not
be readable by everybody.
`

// errUsage has been explained to the user already.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "frontrow:", redacted(err.Error()))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	c := command{stdout: stdout, stderr: stderr}
	name, args := args[0], args[1:]
	switch name {
	case "dev":
		return c.dev(ctx, args)
	case "gateway":
		return c.service(ctx, "gateway", args)
	case "admission":
		return c.service(ctx, "admission", args)
	case "inventory":
		return c.service(ctx, "inventory", args)
	case "pricing":
		return c.service(ctx, "pricing", args)
	case "event":
		return c.event(ctx, args)
	case "plan":
		return c.plan(args)
	case "draw":
		return c.draw(ctx, args)
	case "audit":
		return c.audit(ctx, args)
	case "rehearse":
		return c.rehearse(ctx, args)
	case "migrate":
		return c.migrate(ctx, args)
	case "codes":
		return c.codes(ctx, args)
	case "keys":
		return c.keys(args)
	case "version":
		fmt.Fprintln(stdout, version())
		return nil
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return nil
	}
	fmt.Fprintf(stderr, "frontrow: there is no command %q\n\n%s", name, usage)
	return errUsage
}

// command is what every subcommand writes to.
type command struct {
	stdout, stderr io.Writer
}

// version is the module's version, with the revision it was built from.
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
