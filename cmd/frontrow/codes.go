package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// maxCodeLife keeps a code's seal checkable: secret keys are kept for longer.
const maxCodeLife = 365 * 24 * time.Hour

// errNoCode: a code that was checked can't be used.
var errNoCode = errors.New("this code can't be used")

// codesIssueCmd has what all codes of a list have in common.
type codesIssueCmd struct {
	keysFlag
	Event    string     `required:"" placeholder:"ID" help:"Event id."`
	List     string     `required:"" placeholder:"FILE" help:"Registration list, in CSV."`
	Expires  instant    `required:"" placeholder:"INSTANT" help:"When the codes expire, such as 2026-08-14T20:00:00Z."`
	Top      int        `placeholder:"N" help:"Most codes to issue, for the best scores; 0: all."`
	MinScore float64    `default:"-Inf" placeholder:"SCORE" help:"Lowest score that gets a code."`
	Lane     string     `default:"${priority}" placeholder:"LANE" help:"Lane that the codes open: priority or general."`
	Channel  string     `placeholder:"NAME" help:"Channel whose seats the codes open, unless the list names one."`
	Limit    int        `placeholder:"N" help:"Tickets that one fan may have, unless the list says so; 0: the event's limit, which applies in any case."`
	URL      string     `placeholder:"URL" help:"Base URL of the links, such as https://shop.example."`
	Seed     string     `placeholder:"TEXT" help:"Seed that orders equal scores. Without it, a random one is used."`
	SeedFile secretFile `placeholder:"FILE" help:"File with the value of --seed, which keeps it out of process lists."`
	Out      string     `short:"o" placeholder:"FILE" help:"Output file. Without it, standard output."`
}

// instant is one on the command line.
type instant struct{ time.Time }

func (i *instant) UnmarshalText(text []byte) (err error) {
	if i.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q: write it like 2026-08-14T20:00:00Z", text)
	}
	return nil
}

func (*codesIssueCmd) Help() string {
	return `It reads a registration list, chooses by score, and writes a code and a link for each. The list is CSV; its first line names
the columns: email and/or fan, score, and optionally limit and channel.

Equal scores are ordered by a seeded hash, so that nobody can be favoured; the seed is printed. The same list, options and
seed give the same codes again, each of which is good once. Nothing is written unless every line is right.`
}

func (i *codesIssueCmd) Run(c terminal) error {
	if err := i.check(time.Now()); err != nil {
		return err
	}
	keys, err := keyring.Load(i.Keys, "")
	if err != nil {
		return err
	}
	if len(keys.Keys().Secret) == 0 {
		return fmt.Errorf("keyring %s has no secret key, which seals codes", i.Keys)
	}
	in, err := os.Open(i.List)
	if err != nil {
		return err
	}
	defer in.Close()
	all, err := readRegistrations(in)
	if err != nil {
		return fmt.Errorf("%s: nothing was written:\n%w", i.List, err)
	}
	if i.Seed == "" {
		i.Seed = rand.Text()
	}
	picked := choose(all, i.MinScore, i.Top, i.Seed)
	if err := c.write(i.Out, i.render(keys, picked.chosen)); err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "%d of %d registrations have a code; seed %s\n", len(picked.chosen), len(all), i.Seed)
	if picked.among > 0 {
		fmt.Fprintf(c.stderr, "with the last score, %d of %d were drawn by the seed\n", picked.drawn, picked.among)
	}
	return nil
}

func (i *codesIssueCmd) check(now time.Time) error {
	base, err := url.Parse(i.URL)
	switch {
	case !wire.IsName(i.Event):
		return fmt.Errorf("--event %q is not the id of an event", i.Event)
	case i.Lane == wire.LaneSlow || !slices.Contains(wire.Lanes(), i.Lane):
		return fmt.Errorf("--lane %q: priority or general", i.Lane)
	case i.Channel != "" && !wire.IsName(i.Channel):
		return fmt.Errorf("--channel %q: up to 48 of a-z, 0-9 and '-'", i.Channel)
	case i.Limit < 0 || i.Limit > wire.MaxPerFan:
		return fmt.Errorf("--limit %d: between 1 and %d", i.Limit, wire.MaxPerFan)
	case i.Top < 0 || math.IsNaN(i.MinScore):
		return errors.New("--top and --min-score: not negative, a number")
	case i.URL != "" && (err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http"):
		return fmt.Errorf("--url %q: write it like https://shop.example", i.URL)
	case !i.Expires.After(now) || i.Expires.Sub(now) > maxCodeLife:
		return fmt.Errorf("--expires %s: in the future, and within %d days", i.Expires.Format(time.RFC3339), int(maxCodeLife.Hours()/24))
	}
	return nil
}

// render writes the codes as CSV, in the order of choice.
func (i *codesIssueCmd) render(keys *keyring.Keyring, chosen []registration) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"email", "fan", "lane", "channel", "limit", "expires", "code", "link"}) // a bytes.Buffer takes everything
	expires := i.Expires.UTC()
	for _, r := range chosen {
		code := wire.AccessCode{Event: i.Event, Fan: r.fan, Email: r.email, Lane: i.Lane, Channel: i.Channel, Limit: i.Limit, Expires: expires}
		if r.channel != "" {
			code.Channel = r.channel
		}
		if r.limit > 0 {
			code.Limit = r.limit
		}
		code.ID = keyring.CodeID(i.Seed, i.Event, r.registrant(), code.Lane, code.Channel)
		token, limit := keys.SignCode(code), ""
		if code.Limit > 0 {
			limit = strconv.Itoa(code.Limit)
		}
		_ = w.Write([]string{r.email, r.fan, code.Lane, code.Channel, limit, expires.Format(time.RFC3339), token,
			strings.TrimRight(i.URL, "/") + "/e/" + i.Event + "?code=" + token})
	}
	w.Flush()
	return b.Bytes()
}

// write writes a file that isn't there yet, for its owner alone, or standard output.
func (c terminal) write(file string, content []byte) (err error) {
	if file == "" {
		_, err = c.stdout.Write(content)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(file)
	}
	return err
}

type codesCheckCmd struct {
	keysFlag
	Event    string     `required:"" placeholder:"ID" help:"Event id."`
	Email    string     `placeholder:"ADDRESS" help:"E-mail address that the fan gives."`
	Fan      string     `placeholder:"ID" help:"Fan id."`
	NATS     string     `name:"nats" placeholder:"URL" help:"The region's NATS, to see whether the code was used."`
	NATSFile secretFile `name:"nats-file" placeholder:"FILE" help:"File with the value of --nats, which keeps it out of process lists."`
	Creds    string     `placeholder:"FILE" help:"NATS credentials."`
	Code     string     `arg:"" help:"Access code, or the link with it."`
}

func (k *codesCheckCmd) Run(ctx context.Context, c terminal) error {
	code := k.Code
	if link, err := url.Parse(code); err == nil && link.Query().Get("code") != "" {
		code = link.Query().Get("code")
	}
	keys, err := keyring.Load(k.Keys, "")
	if err != nil {
		return err
	}
	known, verdict := keys.CheckCode(strings.TrimSpace(code), k.Event, k.Fan, k.Email, time.Now())
	c.explain(known)
	if known.ID != "" && k.NATS != "" {
		if err := c.used(ctx, natsFlags{NATS: k.NATS, Creds: k.Creds}, known); err != nil {
			return err
		}
	}
	if verdict != nil {
		return fmt.Errorf("%w: %w", errNoCode, verdict)
	}
	fmt.Fprintln(c.stdout, "it is good")
	return nil
}

func (c terminal) explain(a wire.AccessCode) {
	if a.ID == "" {
		return
	}
	who := "anyone who gives the address that it was sent to"
	switch {
	case a.Fan != "" && a.Email != "":
		who = "fan " + a.Fan + ", with their e-mail address"
	case a.Fan != "":
		who = "fan " + a.Fan
	}
	fmt.Fprintf(c.stdout, "code %s\nfor %s\nof event %s, lane %s, until %s\n", a.ID, who, a.Event, a.Lane, a.Expires.Format(time.RFC3339))
	if a.Channel != "" {
		fmt.Fprintf(c.stdout, "opens the seats of channel %s\n", a.Channel)
	}
	if a.Limit > 0 {
		fmt.Fprintf(c.stdout, "for up to %d tickets\n", a.Limit)
	}
}

// used says who has used a code, in this region and at the home region's door.
func (c terminal) used(ctx context.Context, at natsFlags, a wire.AccessCode) error {
	js, err := at.jetStream("frontrow-codes")
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	for _, in := range []struct{ bucket, key, where string }{
		{wire.CodesBucket(a.Event), wire.CodeKey(a.ID), "to join"}, {wire.PassesBucket(a.Event), wire.ClaimKey(a.ID), "for a pass"},
	} {
		e, err := kv.Open(js, in.bucket).Get(ctx, in.key)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		var claim wire.CodeClaim
		if err := json.Unmarshal(e.Value, &claim); err != nil {
			return fmt.Errorf("claim in %s: %w", in.bucket, err)
		}
		fmt.Fprintf(c.stdout, "used %s by %s at %s\n", in.where, claim.Fan, claim.At.Format(time.RFC3339))
	}
	return nil
}
