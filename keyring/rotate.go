package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Keys rotate without a token being refused on the way:
//
//	added ──────► known to every service ──from──► signs ──from of the next──► verifies ──► pruned
//	      verifies at once, shown in JWKS                                       while its tokens live
//
// A key is added to the file with an instant from which it signs, late enough for every
// service to have read the file by then. How long a key has not signed decides whether
// it may go.

// Names of the lists of Keys.
const (
	PassKeys    = "pass"
	BarcodeKeys = "barcode"
	SecretKeys  = "secret"
)

// key is a SigningKey or a SecretKey.
type key interface {
	named() (id string, from time.Time)
}

// Signer returns the key that signs at now: the one that began last; of several that
// began at the same instant, the first in the list; before any has begun, the one that
// will begin first. Without keys it returns the zero key.
func Signer[K key](keys []K, now time.Time) (signer K) {
	if i := signing(keys, now); i >= 0 {
		signer = keys[i]
	}
	return signer
}

func signing[K key](keys []K, now time.Time) int {
	best := -1
	var since time.Time
	for i, k := range keys {
		_, from := k.named()
		begun, better := !from.After(now), best < 0
		if !better {
			if bestBegun := !since.After(now); begun && bestBegun {
				better = from.After(since)
			} else {
				better = begun || !bestBegun && from.Before(since)
			}
		}
		if better {
			best, since = i, from
		}
	}
	return best
}

// ended returns when key i stopped signing for good; known is false if it signs, will
// sign later, or its successor has no recorded beginning.
func ended[K key](keys []K, i int, now time.Time) (at time.Time, known bool) {
	_, from := keys[i].named()
	if signing(keys, now) == i || from.After(now) {
		return at, false
	}
	for _, k := range keys {
		if _, next := k.named(); next.After(from) && !next.After(now) && (!known || next.Before(at)) {
			at, known = next, true
		}
	}
	return at, known
}

// lengths of the lists, by name.
func (k Keys) lengths() map[string]int {
	return map[string]int{PassKeys: len(k.Pass), BarcodeKeys: len(k.Barcode), SecretKeys: len(k.Secret)}
}

// NewKeys returns keys with a fresh one in each list, which signs at once.
func NewKeys() Keys {
	k, err := Keys{}.Next(time.Time{}, PassKeys, BarcodeKeys, SecretKeys)
	if err != nil {
		panic(err) // the lists exist
	}
	return k
}

// Next adds a fresh key to each of the lists, which signs from the given instant on.
func (k Keys) Next(from time.Time, lists ...string) (Keys, error) {
	for _, list := range lists {
		secret, id := fresh()
		switch list {
		case PassKeys:
			k.Pass = append([]SigningKey{{ID: "p-" + id, Seed: secret, From: from}}, k.Pass...)
		case BarcodeKeys:
			k.Barcode = append([]SigningKey{{ID: "b-" + id, Seed: secret, From: from}}, k.Barcode...)
		case SecretKeys:
			k.Secret = append([]SecretKey{{ID: "s-" + id, Key: secret, From: from}}, k.Secret...)
		default:
			return k, fmt.Errorf("there is no list of keys %q", list)
		}
	}
	return k, nil
}

// Prune removes the keys of a list that have not signed for longer than older, and
// returns their names. Keys that sign, or will, stay.
func (k *Keys) Prune(list string, now time.Time, older time.Duration) (removed []string) {
	switch list {
	case PassKeys:
		k.Pass, removed = pruned(k.Pass, now, older)
	case BarcodeKeys:
		k.Barcode, removed = pruned(k.Barcode, now, older)
	case SecretKeys:
		k.Secret, removed = pruned(k.Secret, now, older)
	}
	return removed
}

func pruned[K key](keys []K, now time.Time, older time.Duration) (left []K, removed []string) {
	for i, k := range keys {
		if at, known := ended(keys, i, now); known && now.Sub(at) > older {
			id, _ := k.named()
			removed = append(removed, id)
			continue
		}
		left = append(left, k)
	}
	return left, removed
}

// KeyState describes a key without its secret.
type KeyState struct {
	List, ID string
	State    string    // signs, next (verifies, and will sign) or verifies
	Half     bool      // it is only here to verify: another file has the half that signs
	From     time.Time // zero: since it was created
	Ended    time.Time // when it stopped signing; zero: it did not, or that is unknown
}

// States describes all keys, list by list, in the order of the file.
func (k Keys) States(now time.Time) []KeyState {
	all := slices.Concat(states(PassKeys, k.Pass, now), states(BarcodeKeys, k.Barcode, now), states(SecretKeys, k.Secret, now))
	for i, s := range slices.Concat(k.Pass, k.Barcode) {
		all[i].Half = len(s.Seed) == 0
	}
	return all
}

func states[K key](list string, keys []K, now time.Time) (all []KeyState) {
	for i, k := range keys {
		id, from := k.named()
		s := KeyState{List: list, ID: id, State: "verifies", From: from}
		switch {
		case signing(keys, now) == i:
			s.State = "signs"
		case from.After(now):
			s.State = "next"
		default:
			s.Ended, _ = ended(keys, i, now)
		}
		all = append(all, s)
	}
	return all
}

// check returns what is wrong with the keys of a file.
func (k Keys) check() error {
	seen := map[string]bool{}
	name := func(id string) error {
		if id == "" || len(id) > 64 || strings.ContainsAny(id, ":.") {
			return fmt.Errorf("kid %q: up to 64 bytes without ':' or '.'", id)
		}
		if seen[id] {
			return fmt.Errorf("kid %q is used twice", id)
		}
		seen[id] = true
		return nil
	}
	for _, s := range slices.Concat(k.Pass, k.Barcode) {
		if err := name(s.ID); err != nil {
			return err
		}
		if err := s.wellFormed(); err != nil {
			return err
		}
	}
	for _, s := range k.Secret {
		if err := name(s.ID); err != nil {
			return err
		}
		if len(s.Key) < 32 {
			return fmt.Errorf("key %s: a secret has at least 32 bytes", s.ID)
		}
	}
	if len(seen) == 0 {
		return errors.New("it has no keys")
	}
	return nil
}
