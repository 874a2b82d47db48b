package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"frontrow/wire"
)

func (c command) keys(args []string) error {
	f := c.flags("keys", "FILE", "Makes a keyring: what signs passes, barcodes, receipts and cookies. It never overwrites one.")
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
	return wire.NewKeyring().Save(f.Arg(0))
}

// keyring loads a keyring, or makes it if there is none.
func keyring(file string) (*wire.Keyring, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := wire.NewKeyring().Save(file); err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
	}
	return wire.LoadKeyring(file)
}
