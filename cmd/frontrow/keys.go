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
		case "rotate":
			return c.keysRotate(args[1:])
		case "prune":
			return c.keysPrune(args[1:])
		}
	}
	f := c.flags("keys", "FILE", "Makes a keyring: what signs passes, barcodes, receipts, cookies and access codes. It never overwrites one.\n\n"+keysUsage)
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

// keyring loads a keyring, or makes it if there is none.
func keyring(file string) (*wire.Keyring, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := wire.NewKeys().Save(file); err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
	}
	return wire.LoadKeyring(file)
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
	fmt.Fprintln(w, "LIST\tKID\tSTATE\tSIGNS FROM\tSIGNED UNTIL")
	for _, s := range keys.States(time.Now()) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.List, s.ID, s.State, at(s.From), at(s.Ended))
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
		wire.SecretKeys:  f.Duration("older-secret", oldSecret, "`age` of secret keys; a fan's cookie is kept for a year, and without it he can't see his tickets"),
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
