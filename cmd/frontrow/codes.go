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

	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

const codesUsage = `usage: frontrow codes issue --event EVENT --list registrations.csv --expires TIME [--keys FILE]
                            [--top N] [--min-score X] [--lane priority] [--channel C] [--limit N] [-o codes.csv]
       frontrow codes check CODE --event EVENT [--email ADDRESS] [--fan FAN] [--keys FILE] [--nats URL]
`

// maxCodeLife keeps a code's seal checkable: secret keys are kept for longer.
const maxCodeLife = 365 * 24 * time.Hour

// errNoCode: a code that was checked can't be used.
var errNoCode = errors.New("this code can't be used")

func (c command) codes(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "issue":
			return c.codesIssue(args[1:])
		case "check":
			return c.codesCheck(ctx, args[1:])
		}
	}
	fmt.Fprint(c.stderr, codesUsage)
	return errUsage
}

// issue is what all codes of a list have in common.
type issue struct {
	event, lane, channel string
	limit                int
	expires              time.Time
	base                 string // of the links
	seed                 string
}

func (c command) codesIssue(args []string) error {
	f := c.flags("codes issue", "", `Issues access codes (Verified Fan): reads a registration list, chooses by score, and writes a code and a link for each.
The list is CSV; its first line names the columns: email and/or fan, score, and optionally limit and channel.
Equal scores are ordered by a seeded hash, so that nobody can be favoured; the seed is printed. The same list, options
and seed give the same codes again, each of which is good once. Nothing is written unless every line is right.`)
	var i issue
	file := keysFlag(f)
	list := f.String("list", "", "registration list, a CSV `file`")
	out := f.String("o", "", "`file` to write; empty: standard output")
	top := f.Int("top", 0, "at most so many `codes`, for the best scores; 0: all")
	least := f.Float64("min-score", math.Inf(-1), "lowest `score` that gets a code")
	expires := f.String("expires", "", "`instant` until which the codes are good, such as 2026-08-14T20:00:00Z")
	f.StringVar(&i.event, "event", "", "`id` of the event")
	f.StringVar(&i.lane, "lane", wire.LanePriority, "`lane` that the codes open: priority or general")
	f.StringVar(&i.channel, "channel", "", "`name` of the channel whose seats they open, where the list says none")
	f.IntVar(&i.limit, "limit", 0, "`tickets` one fan may have, where the list says none; 0: the event's limit, which holds in any case")
	f.StringVar(&i.base, "url", "", "`address` before the links, such as https://shop.example")
	f.secret(&i.seed, "seed", "", "`text` to order equal scores by; empty: a random one")
	if err := f.parse(args); err != nil {
		return err
	}
	if *list == "" || i.event == "" || *expires == "" || f.NArg() > 0 {
		f.Usage()
		return errUsage
	}
	var err error
	if i.expires, err = time.Parse(time.RFC3339, *expires); err != nil {
		return fmt.Errorf("--expires %q: write it like 2026-08-14T20:00:00Z", *expires)
	}
	if err := i.check(*top, *least, time.Now()); err != nil {
		return err
	}
	keys, err := wire.LoadKeyring(*file, "")
	if err != nil {
		return err
	}
	if len(keys.Keys().Secret) == 0 {
		return fmt.Errorf("keyring %s has no secret key, which seals codes", *file)
	}
	in, err := os.Open(*list)
	if err != nil {
		return err
	}
	defer in.Close()
	all, err := readRegistrations(in)
	if err != nil {
		return fmt.Errorf("%s: nothing was written:\n%w", *list, err)
	}
	if i.seed == "" {
		i.seed = rand.Text()
	}
	picked := choose(all, *least, *top, i.seed)
	if err := c.write(*out, i.render(keys, picked.chosen)); err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "%d of %d registrations have a code; seed %s\n", len(picked.chosen), len(all), i.seed)
	if picked.among > 0 {
		fmt.Fprintf(c.stderr, "with the last score, %d of %d were drawn by the seed\n", picked.drawn, picked.among)
	}
	return nil
}

func (i issue) check(top int, least float64, now time.Time) error {
	base, err := url.Parse(i.base)
	switch {
	case !wire.IsName(i.event):
		return fmt.Errorf("--event %q is not the id of an event", i.event)
	case i.lane == wire.LaneSlow || !slices.Contains(wire.Lanes(), i.lane):
		return fmt.Errorf("--lane %q: priority or general", i.lane)
	case i.channel != "" && !wire.IsName(i.channel):
		return fmt.Errorf("--channel %q: up to 48 of a-z, 0-9 and '-'", i.channel)
	case i.limit < 0 || i.limit > wire.MaxPerFan:
		return fmt.Errorf("--limit %d: between 1 and %d", i.limit, wire.MaxPerFan)
	case top < 0 || math.IsNaN(least):
		return errors.New("--top and --min-score: not negative, a number")
	case i.base != "" && (err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http"):
		return fmt.Errorf("--url %q: write it like https://shop.example", i.base)
	case !i.expires.After(now) || i.expires.Sub(now) > maxCodeLife:
		return fmt.Errorf("--expires %s: in the future, and within %d days", i.expires.Format(time.RFC3339), int(maxCodeLife.Hours()/24))
	}
	return nil
}

// render writes the codes as CSV, in the order of choice.
func (i issue) render(keys *wire.Keyring, chosen []registration) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"email", "fan", "lane", "channel", "limit", "expires", "code", "link"}) // a bytes.Buffer takes everything
	expires := i.expires.UTC()
	for _, r := range chosen {
		code := wire.AccessCode{Event: i.event, Fan: r.fan, Email: r.email, Lane: i.lane, Channel: i.channel, Limit: i.limit, Expires: expires}
		if r.channel != "" {
			code.Channel = r.channel
		}
		if r.limit > 0 {
			code.Limit = r.limit
		}
		code.ID = wire.CodeID(i.seed, i.event, r.registrant(), code.Lane, code.Channel)
		token, limit := keys.SignCode(code), ""
		if code.Limit > 0 {
			limit = strconv.Itoa(code.Limit)
		}
		_ = w.Write([]string{r.email, r.fan, code.Lane, code.Channel, limit, expires.Format(time.RFC3339), token,
			strings.TrimRight(i.base, "/") + "/e/" + i.event + "?code=" + token})
	}
	w.Flush()
	return b.Bytes()
}

// write writes a file that isn't there yet, for its owner alone, or standard output.
func (c command) write(file string, content []byte) (err error) {
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

func (c command) codesCheck(ctx context.Context, args []string) error {
	f := c.flags("codes check", "CODE", "Explains an access code, or the link with it: what it opens, for whom, and whether it can be used now. Exit status 1: it can't.")
	file := keysFlag(f)
	event := f.String("event", "", "`id` of the event")
	email := f.String("email", "", "`address` that the fan gives")
	fan := f.String("fan", "", "`id` of the fan")
	server := new(string)
	f.secret(server, "nats", "", "`URL`s of the region's NATS, to see whether the code was used")
	creds := f.String("creds", "", "NATS credentials `file`")
	var code string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' { // the code may come before the flags
		code, args = args[0], args[1:]
	}
	if err := f.parse(args); err != nil {
		return err
	}
	if code == "" {
		code = f.Arg(0)
	}
	if code == "" || *event == "" {
		f.Usage()
		return errUsage
	}
	if link, err := url.Parse(code); err == nil && link.Query().Get("code") != "" {
		code = link.Query().Get("code")
	}
	keys, err := wire.LoadKeyring(*file, "")
	if err != nil {
		return err
	}
	known, verdict := keys.CheckCode(strings.TrimSpace(code), *event, *fan, *email, time.Now())
	c.explain(known)
	if known.ID != "" && *server != "" {
		if err := c.used(ctx, *server, *creds, known); err != nil {
			return err
		}
	}
	if verdict != nil {
		return fmt.Errorf("%w: %w", errNoCode, verdict)
	}
	fmt.Fprintln(c.stdout, "it is good")
	return nil
}

func (c command) explain(a wire.AccessCode) {
	if a.ID == "" {
		return
	}
	who := "whoever gives the address that it was sent to"
	switch {
	case a.Fan != "" && a.Email != "":
		who = "fan " + a.Fan + ", who gives his address"
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
func (c command) used(ctx context.Context, server, creds string, a wire.AccessCode) error {
	nc, err := connect(server, creds, "frontrow-codes")
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	for _, at := range []struct{ bucket, key, where string }{
		{wire.CodesBucket(a.Event), wire.CodeKey(a.ID), "to join"}, {wire.PassesBucket(a.Event), wire.ClaimKey(a.ID), "for a pass"},
	} {
		e, err := kv.Open(js, at.bucket).Get(ctx, at.key)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		var claim wire.CodeClaim
		if err := json.Unmarshal(e.Value, &claim); err != nil {
			return fmt.Errorf("claim in %s: %w", at.bucket, err)
		}
		fmt.Fprintf(c.stdout, "used %s by %s at %s\n", at.where, claim.Fan, claim.At.Format(time.RFC3339))
	}
	return nil
}
