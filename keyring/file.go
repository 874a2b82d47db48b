package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Poll is how often a service looks whether its keyring's file has changed.
// A new key must not sign before every service has looked.
const Poll = 2 * time.Second

// maxKeyFile bounds a keyring's file.
const maxKeyFile = 1 << 20

// Load reads from a keyring file, as frontrow keys writes it, the keys that a service
// needs, or all of them if service is empty.
func Load(path, service string) (*Keyring, error) {
	keys, _, err := ReadKeys(path)
	if err != nil {
		return nil, err
	}
	k, err := keys.Keyring(service)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	}
	return k, nil
}

// ReadKeys reads a keyring file. It also returns the file's bytes, so that a change can
// be noticed. Its errors never quote them.
func ReadKeys(path string) (keys Keys, raw []byte, err error) {
	f, err := OpenPrivate(path)
	if err != nil {
		return keys, nil, fmt.Errorf("keyring: %w", err)
	}
	defer f.Close()
	if raw, err = io.ReadAll(io.LimitReader(f, maxKeyFile+1)); err != nil {
		return keys, nil, fmt.Errorf("keyring: %w", err)
	}
	if err = decodeKeys(raw, &keys); err != nil {
		return keys, raw, fmt.Errorf("keyring %s: %w", path, err)
	}
	return keys, raw, nil
}

// notPrivate are the permissions that a file with secrets must not give: none to others,
// and to its group at most to read it, as when an orchestrator mounts it.
const notPrivate = 0o037

// OpenPrivate opens a file that holds secrets. It refuses one that everybody may read,
// or that anybody but its owner may write.
func OpenPrivate(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if mode := info.Mode().Perm(); mode&notPrivate != 0 {
		_ = f.Close() // nothing was read
		return nil, fmt.Errorf("%s can be read by everybody, or written by others than its owner (its mode is %#o): chmod 600 %s, and replace its secrets if somebody may have read them", path, mode, path)
	}
	return f, nil
}

func decodeKeys(raw []byte, keys *Keys) error {
	if len(raw) > maxKeyFile {
		return errors.New("the file is too large")
	}
	if err := json.Unmarshal(raw, keys); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("not JSON, at byte %d", syntax.Offset)
		}
		return errors.New("not the JSON of a keyring")
	}
	return keys.check()
}

// Save writes the keys, readable only by their owner, in one step: a reader of the file
// finds the old keys or the new ones.
func (k Keys) Save(path string) (err error) {
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(append(raw, '\n')); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Follow puts the keys of a file in force whenever it has changed, until ctx ends. It
// looks every Poll, and at once when nudged. A file that can't be read, or isn't a
// keyring, leaves the keys as they are. Told is called with the outcome of each change:
// nil once the new keys are in force.
func (k *Keyring) Follow(ctx context.Context, path string, nudge <-chan os.Signal, told func(error)) error {
	tick := time.NewTicker(Poll)
	defer tick.Stop()
	var last []byte // of the file, when it was last looked at
	var fault string
	for {
		keys, raw, err := ReadKeys(path)
		if err == nil && !bytes.Equal(raw, last) {
			var part Keys
			if part, err = keys.For(k.service); err == nil && !part.equal(k.Keys()) {
				if err = k.Replace(keys); err == nil {
					told(nil)
				}
			}
		}
		// A fault that stays is reported once.
		if err != nil && (err.Error() != fault || !bytes.Equal(raw, last)) {
			told(err)
		}
		if last, fault = raw, ""; err != nil {
			fault = err.Error()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-nudge:
		}
	}
}

func (k Keys) equal(o Keys) bool {
	mine, err1 := json.Marshal(k)
	theirs, err2 := json.Marshal(o)
	return err1 == nil && err2 == nil && bytes.Equal(mine, theirs)
}
