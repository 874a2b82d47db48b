package wire

import "crypto/rand"

const deviceContext = "frontrow device v1\n"

// NewDevice is the id of a device that nobody has met. It is a secret of the device:
// others are told the Hash of it.
func NewDevice() string { return rand.Text() }

// SignDevice renders the value of the fr_dev cookie.
func (k *Keyring) SignDevice(id string) string { return k.seal(deviceContext, []byte(id)) }

// VerifyDevice returns the id that a fr_dev cookie stands for, or ErrToken: nobody
// chooses which device they are.
func (k *Keyring) VerifyDevice(cookie string) (id string, err error) {
	raw, _, ok := k.open(deviceContext, cookie)
	if !ok || len(raw) == 0 {
		return "", ErrToken
	}
	return string(raw), nil
}
