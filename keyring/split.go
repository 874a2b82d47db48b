package keyring

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"frontrow/wire"
)

// A keyring is made whole and then split: an attacker who takes over a gateway must find
// nothing there that makes a pass or opens a gate.
//
//	            whole       gateway    admission   inventory
//	pass        signs       verifies   signs       -
//	barcode     signs       verifies   -           signs
//	secret      seals       seals      -           -
//
// The operator keeps the whole keyring: keys are rotated there, and split again.

// For returns the part of the keys that a service needs, and no more, or an error that
// says what is missing. For the empty service it returns all of them.
func (k Keys) For(service string) (Keys, error) {
	switch service {
	case "":
		return k, nil
	case wire.Gateway:
		if len(k.Secret) == 0 || len(k.Pass) == 0 {
			return Keys{}, errors.New("the gateway needs a secret and a pass key, at least its public half")
		}
		return Keys{Pass: halves(k.Pass), Barcode: halves(k.Barcode), Secret: k.Secret}, nil
	case wire.Admission:
		if !canSign(k.Pass) {
			return Keys{}, errors.New("admission needs pass keys that sign, not their public halves")
		}
		return Keys{Pass: k.Pass}, nil
	case wire.Inventory:
		if !canSign(k.Barcode) {
			return Keys{}, errors.New("the inventory needs barcode keys that sign, not their public halves")
		}
		return Keys{Barcode: k.Barcode}, nil
	}
	return Keys{}, fmt.Errorf("%q is given no keys: gateway, admission and inventory are", service)
}

// Surplus names the lists from which For leaves out keys or their secrets; empty if
// there are none.
func (k Keys) Surplus(service string) string {
	part, err := k.For(service)
	if err != nil {
		return ""
	}
	var more []string
	for _, l := range []struct {
		name        string
		whole, part []SigningKey
	}{{PassKeys, k.Pass, part.Pass}, {BarcodeKeys, k.Barcode, part.Barcode}} {
		if len(l.part) < len(l.whole) || signers(l.part) < signers(l.whole) {
			more = append(more, l.name)
		}
	}
	if len(part.Secret) < len(k.Secret) {
		more = append(more, SecretKeys)
	}
	return strings.Join(more, ", ")
}

// Half returns the half of the key that only verifies.
func (k SigningKey) Half() SigningKey {
	return SigningKey{ID: k.ID, PublicHalf: k.Public(), From: k.From}
}

func halves(keys []SigningKey) (public []SigningKey) {
	for _, k := range keys {
		public = append(public, k.Half())
	}
	return public
}

func signers(keys []SigningKey) (n int) {
	for _, k := range keys {
		if len(k.Seed) > 0 {
			n++
		}
	}
	return n
}

// canSign reports whether there are keys and each of them can sign: which one does
// changes with time.
func canSign(keys []SigningKey) bool { return len(keys) > 0 && signers(keys) == len(keys) }

// Rotates reports whether the next key of a list may be made here: the file has the
// list, and not just the public halves of keys that another file holds.
func (k Keys) Rotates(list string) bool {
	switch list {
	case PassKeys:
		return canSign(k.Pass)
	case BarcodeKeys:
		return canSign(k.Barcode)
	}
	return list == SecretKeys && len(k.Secret) > 0
}

// wellFormed checks that a signing key is a seed or a public half.
func (k SigningKey) wellFormed() error {
	switch {
	case len(k.Seed) > 0 && len(k.PublicHalf) > 0:
		return fmt.Errorf("key %s: a seed or a public half, not both", k.ID)
	case len(k.PublicHalf) == ed25519.PublicKeySize && len(k.Seed) == 0, len(k.Seed) == ed25519.SeedSize:
		return nil
	}
	return fmt.Errorf("key %s: a seed has 32 bytes, and so has a public half", k.ID)
}

// narrowed returns those of the given keys that a service's keyring holds: never more
// than it needs. It fails rather than lose a purpose for which there were keys before.
func narrowed(keys Keys, service string, old *ring) (Keys, error) {
	if err := keys.check(); err != nil {
		return keys, err
	}
	keys, err := keys.For(service)
	if err != nil || old == nil {
		return keys, err
	}
	for name, n := range old.lengths() {
		if n > 0 && keys.lengths()[name] == 0 {
			return keys, errors.New("the list " + name + " would have no keys left")
		}
	}
	for _, list := range [][2][]SigningKey{{old.Pass, keys.Pass}, {old.Barcode, keys.Barcode}} {
		if canSign(list[0]) && slices.ContainsFunc(list[1], func(k SigningKey) bool { return len(k.Seed) == 0 }) {
			return keys, errors.New("there are only public halves of keys that signed before")
		}
	}
	return keys, nil
}
