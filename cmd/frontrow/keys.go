package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

// Ages of keys that no token in use was signed with any more.
const (
	oldPass   = wire.MaxPassLife
	oldSecret = 400 * 24 * time.Hour // a fan's cookie is kept for a year
	maxLead   = 30 * 24 * time.Hour
	safeLead  = 35 * time.Second // services look every keyring.Poll, JWKS is kept for 30 s
)

type keysFlag struct {
	Keys string `default:"keys.json" placeholder:"FILE" help:"Keyring file."`
}

type keysMakeCmd struct {
	File string `arg:"" help:"Keyring file to create."`
}

func (*keysMakeCmd) Help() string {
	return `It signs passes, barcodes, receipts, cookies and access codes. One that is there is never overwritten. Keep it to yourself
and give each service its part: see keys split.`
}

func (k *keysMakeCmd) Run() error {
	if _, err := os.Stat(k.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already; a new keyring would make every pass and ticket invalid", k.File)
	}
	return keyring.NewKeys().Save(k.File)
}

// makeKeyring makes a keyring if there is none.
func makeKeyring(file string) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := keyring.NewKeys().Save(file); err != nil {
			return fmt.Errorf("make keyring: %w", err)
		}
	}
	return nil
}

type keysSplitCmd struct {
	keysFlag
	Role string `required:"" placeholder:"ROLE" help:"Role: gateway, admission or inventory."`
	Out  string `required:"" placeholder:"FILE" help:"File to write; replaces a part that was split before."`
}

func (*keysSplitCmd) Help() string {
	return `It writes no more than the role needs: a gateway verifies passes and barcodes and can make none. Split again after each
"keys rotate": the gateway's part first, since it must know a key before it signs.`
}

func (k *keysSplitCmd) Run() error {
	keys, _, err := keyring.ReadKeys(k.Keys)
	if err != nil {
		return err
	}
	part, err := keys.For(k.Role)
	if err != nil {
		return fmt.Errorf("keyring %s: %w", k.Keys, err)
	}
	if old, _, err := keyring.ReadKeys(k.Out); err == nil && old.Surplus(k.Role) != "" {
		return fmt.Errorf("%s holds more than the %s needs (%s): it is no part that was split before, and is left as it is", k.Out, k.Role, old.Surplus(k.Role))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return part.Save(k.Out)
}

type keysShowCmd struct{ keysFlag }

func (k *keysShowCmd) Run(c terminal) error {
	keys, _, err := keyring.ReadKeys(k.Keys)
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

type keysRotateCmd struct {
	keysFlag
	Lead time.Duration `default:"1m" placeholder:"TIME" help:"Time until the new keys sign: long enough for every service and every client of the JWKS to have them."`
	List []string      `default:"pass,secret" placeholder:"LIST" help:"Lists to rotate: pass, secret, barcode."`
}

func (*keysRotateCmd) Help() string {
	return `It puts the next key into each list. A key verifies as soon as a service has read the file, which each does by itself within
two seconds, and signs once the lead has passed. Barcodes are rotated only when asked for: gates that check offline must
have the key before.`
}

func (k *keysRotateCmd) Run(c terminal) error {
	if k.Lead < 0 || k.Lead > maxLead {
		return fmt.Errorf("--lead %v: between 0 and %v", k.Lead, maxLead)
	}
	keys, _, err := keyring.ReadKeys(k.Keys)
	if err != nil {
		return err
	}
	for _, name := range k.List {
		if slices.Contains([]string{keyring.PassKeys, keyring.BarcodeKeys, keyring.SecretKeys}, name) && !keys.Rotates(name) {
			return fmt.Errorf("%s has no %s keys of its own to rotate: rotate the keyring that it was split from, and split that again", k.Keys, name)
		}
	}
	from := time.Now().Add(k.Lead).UTC().Truncate(time.Millisecond)
	next, err := keys.Next(from, k.List...)
	if err != nil {
		return err
	}
	if err := next.Save(k.Keys); err != nil {
		return err
	}
	if k.Lead < safeLead {
		fmt.Fprintf(c.stderr, "a lead of %v is short: whoever has not read the new keys by then refuses what they sign\n", k.Lead)
	}
	for _, s := range next.States(time.Now()) {
		if s.From.Equal(from) && slices.Contains(k.List, s.List) {
			fmt.Fprintf(c.stdout, "%s %s signs from %s\n", s.List, s.ID, from.Format(time.RFC3339))
		}
	}
	return nil
}

type keysPruneCmd struct {
	keysFlag
	Older        time.Duration `default:"${old_pass}" placeholder:"AGE" help:"Remove pass keys that stopped signing this long ago; passes live for a day at most."`
	OlderSecret  time.Duration `default:"${old_secret}" placeholder:"AGE" help:"The same for secret keys; a fan's cookie lives for a year, and without it they can't see their tickets."`
	OlderBarcode time.Duration `placeholder:"AGE" help:"The same for barcode keys, which must outlive their tickets; 0: keep all."`
}

func (*keysPruneCmd) Help() string {
	return `It removes keys that have not signed for so long that nothing signed with them is in use any more. The key that signs, those
that will, and those of which nobody noted when they stopped, stay.`
}

func (k *keysPruneCmd) Run(c terminal) error {
	keys, _, err := keyring.ReadKeys(k.Keys)
	if err != nil {
		return err
	}
	ages := map[string]time.Duration{keyring.PassKeys: k.Older, keyring.SecretKeys: k.OlderSecret, keyring.BarcodeKeys: k.OlderBarcode}
	removed := 0
	for _, list := range []string{keyring.PassKeys, keyring.SecretKeys, keyring.BarcodeKeys} {
		age := ages[list]
		if age < 0 || age == 0 && list == keyring.BarcodeKeys {
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
	return keys.Save(k.Keys)
}
