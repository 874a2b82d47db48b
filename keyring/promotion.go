package keyring

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"strings"
)

const promotionContext = "frontrow promotion v1\n"

// MaxPromotionCode bounds a promotion's code, in bytes.
const MaxPromotionCode = 64

// minPromotionCode leaves something to guess.
const minPromotionCode = 4

// ErrPromotionCode is a text that is no promotion's code.
var ErrPromotionCode = errors.New("a promotion's code has 4 to 64 letters, digits and '-'")

const promotionLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

// promotionCode is a code as it is sealed: people type it in any case, and with spaces. Letters of
// other scripts are none of it, not even those whose capitals are.
func promotionCode(code string) (string, error) {
	code = strings.Join(strings.Fields(code), "")
	if len(code) < minPromotionCode || len(code) > MaxPromotionCode || strings.Trim(code, promotionLetters) != "" {
		return "", ErrPromotionCode
	}
	return strings.ToUpper(code), nil
}

// SealPromotion returns what an event's spec has in the place of a promotion's code: without
// the keys, nobody can try codes against it. It holds as long as the key that seals it now.
func (k *Keyring) SealPromotion(event, code string) (string, error) {
	code, err := promotionCode(code)
	if err != nil {
		return "", err
	}
	return promotionSeal(Signer(k.ring.Load().Secret, k.now()), event, code), nil
}

func promotionSeal(key SecretKey, event, code string) string {
	sum := key.mac(promotionContext, []byte(event+"\n"+code))
	return key.ID + "." + base64.RawURLEncoding.EncodeToString(sum[:])
}

// FindPromotion returns which of the seals, of promotions of an event, is of a code; -1: none.
func (k *Keyring) FindPromotion(event, code string, seals []string) int {
	code, err := promotionCode(code)
	if err != nil {
		return -1
	}
	found := -1
	for _, key := range k.ring.Load().Secret {
		seal := []byte(promotionSeal(key, event, code))
		for i, s := range seals {
			if hmac.Equal(seal, []byte(s)) {
				found = i
			}
		}
	}
	return found
}
