package keyring

import "crypto/rand"

const deviceContext = "frontrow device v1\n"

// NewDevice returns a fresh device id. It is the device's secret: everyone else is given
// its wire.Hash.
func NewDevice() string { return rand.Text() }

// SignDevice renders the value of the fr_dev cookie.
func (k *Keyring) SignDevice(id string) string { return k.seal(deviceContext, []byte(id)) }

// VerifyDevice returns the id in an fr_dev cookie, or ErrToken: a client can't choose
// which device it is.
func (k *Keyring) VerifyDevice(cookie string) (id string, err error) {
	raw, _, ok := k.open(deviceContext, cookie)
	if !ok || len(raw) == 0 {
		return "", ErrToken
	}
	return string(raw), nil
}
