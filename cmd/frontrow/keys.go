package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"frontrow/wire"
)

const keysUsage = `usage: frontrow keys FILE            make a keyring
       frontrow keys split  [--keys FILE] --role gateway|admission|inventory --out FILE
       frontrow keys show   [--keys FILE]
       frontrow keys rotate [--keys FILE] [--lead 60s] [--list pass,secret]
       frontrow keys prune  [--keys FILE] [--older 26h] [--older-secret 9600h] [--older-barcode 0s]
`

// Ages of keys that no token in use was signed with any more.
const (
	oldPass   = wire.MaxPassLife
	oldSecret = 400 * 24 * time.Hour // a fan's cookie is kept for a year
	maxLead   = 30 * 24 * time.Hour
	safeLead  = 35 * time.Second // services look every wire.KeyPoll, JWKS is kept for 30 s
)

func (c command) keys(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "show":
			return c.keysShow(args[1:])
		case "split":
			return c.keysSplit(args[1:])
		case "rotate":
			return c.keysRotate(args[1:])
		case "prune":
			return c.keysPrune(args[1:])
		}
	}
	f := c.flags("keys", "FILE", "Makes a keyring: what signs passes, barcodes, receipts, cookies and access codes. It never overwrites one. Keep it\nto yourself and give each service its part: see keys split.\n\n"+keysUsage)
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		f.Usage()
		return errUsage
	}
	if _, err := os.Stat(f.Arg(0)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already; a new keyring would make every pass and ticket invalid", f.Arg(0))
	}
	return wire.NewKeys().Save(f.Arg(0))
}

// makeKeyring makes a keyring if there is none.
func makeKeyring(file string) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := wire.NewKeys().Save(file); err != nil {
			return fmt.Errorf("make keyring: %w", err)
		}
	}
	return nil
}

func (c command) keysSplit(args []string) error {
	f := c.flags("keys split", "", `Writes the part of a keyring that a role needs, and no more: a gateway verifies passes and barcodes and can make none.
Split again after each "keys rotate": the gateway's part first, since it must know a key before it signs.`)
	file := keysFlag(f)
	role := f.String("role", "", "gateway, admission or inventory")
	out := f.String("out", "", "`file` to write; a part that was split before is replaced")
	if err := f.parse(args); err != nil {
		return err
	}
	if *role == "" || *out == "" {
		f.Usage()
		return errUsage
	}
	keys, _, err := wire.ReadKeys(*file)
	if err != nil {
		return err
	}
	part, err := keys.For(*role)
	if err != nil {
		return fmt.Errorf("keyring %s: %w", *file, err)
	}
	if old, _, err := wire.ReadKeys(*out); err == nil && old.Surplus(*role) != "" {
		return fmt.Errorf("%s holds more than the %s needs (%s): it is no part that was split before, and is left as it is", *out, *role, old.Surplus(*role))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return part.Save(*out)
}

func keysFlag(f flags) *string { return f.String("keys", "keys.json", "keyring `file`") }

func (c command) keysShow(args []string) error {
	f := c.flags("keys show", "", "Lists the keys of a keyring and what they do now, without their secrets.")
	file := keysFlag(f)
	if err := f.parse(args); err != nil {
		return err
	}
	keys, _, err := wire.ReadKeys(*file)
	if err != nil {
		return err
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format(time.RFC3339)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "LIST\tKID\tSTATE\tSIGNS FROM\tSIGNED UNTIL\tHERE")
	for _, s := range keys.States(time.Now()) {
		here := "all of it"
		if s.Half {
			here = "public half"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.List, s.ID, s.State, at(s.From), at(s.Ended), here)
	}
	return w.Flush()
}

func (c command) keysRotate(args []string) error {
	f := c.flags("keys rotate", "", "Puts the next key into each list. It verifies as soon as a service has read the file, which each does by itself\nwithin two seconds, and signs once the lead has passed. Barcodes are rotated only when asked for: gates that check\noffline must have the key before.")
	file := keysFlag(f)
	lead := f.Duration("lead", time.Minute, "`time` until the new keys sign; long enough for every service and every reader of JWKS to have them")
	lists := f.String("list", "pass,secret", "`lists` to rotate: pass, secret, barcode")
	if err := f.parse(args); err != nil {
		return err
	}
	if *lead < 0 || *lead > maxLead {
		return fmt.Errorf("--lead %v: between 0 and %v", *lead, maxLead)
	}
	keys, _, err := wire.ReadKeys(*file)
	if err != nil {
		return err
	}
	names := strings.Split(*lists, ",")
	for _, name := range names {
		if slices.Contains([]string{wire.PassKeys, wire.BarcodeKeys, wire.SecretKeys}, name) && !keys.Rotates(name) {
			return fmt.Errorf("%s has no %s keys of its own to rotate: rotate the keyring that it was split from, and split that again", *file, name)
		}
	}
	from := time.Now().Add(*lead).UTC().Truncate(time.Millisecond)
	next, err := keys.Next(from, names...)
	if err != nil {
		return err
	}
	if err := next.Save(*file); err != nil {
		return err
	}
	if *lead < safeLead {
		fmt.Fprintf(c.stderr, "a lead of %v is short: whoever has not read the new keys by then refuses what they sign\n", *lead)
	}
	for _, s := range next.States(time.Now()) {
		if s.From.Equal(from) && slices.Contains(names, s.List) {
			fmt.Fprintf(c.stdout, "%s %s signs from %s\n", s.List, s.ID, from.Format(time.RFC3339))
		}
	}
	return nil
}

func (c command) keysPrune(args []string) error {
	f := c.flags("keys prune", "", "Removes keys that have not signed for so long that nothing signed with them is in use any more.\nThe key that signs, those that will, and those of which nobody noted when they stopped, stay.")
	file := keysFlag(f)
	ages := map[string]*time.Duration{
		wire.PassKeys:    f.Duration("older", oldPass, "`age` of pass keys; passes live for a day at most"),
		wire.SecretKeys:  f.Duration("older-secret", oldSecret, "`age` of secret keys; a fan's cookie is kept for a year, and without it they can't see their tickets"),
		wire.BarcodeKeys: f.Duration("older-barcode", 0, "`age` of barcode keys, which must outlive their tickets; 0: keep all"),
	}
	if err := f.parse(args); err != nil {
		return err
	}
	keys, _, err := wire.ReadKeys(*file)
	if err != nil {
		return err
	}
	removed := 0
	for _, list := range []string{wire.PassKeys, wire.SecretKeys, wire.BarcodeKeys} {
		age := *ages[list]
		if age < 0 || age == 0 && list == wire.BarcodeKeys {
			continue
		}
		for _, id := range keys.Prune(list, time.Now(), age) {
			fmt.Fprintf(c.stdout, "%s %s removed\n", list, id)
			removed++
		}
	}
	if removed == 0 {
		fmt.Fprintln(c.stdout, "nothing to remove")
		return nil
	}
	return keys.Save(*file)
}
