package keyring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/wire"
)

// CarryTTL is how long a link that carries a fan to another device works.
const CarryTTL = 10 * time.Minute

// ErrCarryExpired is a link of ours that came too late.
var ErrCarryExpired = errors.New("link has expired")

const (
	carryContext  = "frontrow carry v1\n"
	digitsContext = "frontrow carry digits v1\n"
	carryParts    = 12 // 11 before fans were promised prices, 10 before they had more than one turn
)

// SignCarry renders a token that makes another device the fan of a place until expires.
// It is worth as much as the fan's cookie, so only the fan gets one. It is short,
// because it is drawn as a QR code: the fields of the place, separated by dots.
func (k *Keyring) SignCarry(p wire.Place, expires time.Time) string {
	return k.seal(carryContext, []byte(strings.Join([]string{
		strconv.FormatInt(expires.Unix(), 10), p.Event, p.Lane, p.Region, strconv.FormatUint(p.Number, 10), p.Fan,
		strconv.FormatInt(p.At.UnixMilli(), 10), p.Code, p.Channel, strconv.Itoa(p.Limit), strconv.Itoa(p.Turn), strconv.FormatInt(p.Priced, 10)}, ".")))
}

// CarryDigits are the six digits that must be typed to open a link: they are shown where
// it was made, and are not part of it. Empty if the link is not ours.
func (k *Keyring) CarryDigits(token string) string {
	_, key, ok := k.open(carryContext, token)
	if !ok {
		return ""
	}
	sum := key.mac(digitsContext, []byte(token))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:])%1_000_000)
}

// OpenCarry returns the place that a link carries and when the link was made, or
// ErrCarryExpired or ErrToken.
func (k *Keyring) OpenCarry(token string, now time.Time) (wire.Place, time.Time, error) {
	raw, _, ok := k.open(carryContext, token)
	part := strings.Split(string(raw), ".")
	for len(part) == carryParts-2 || len(part) == carryParts-1 {
		part = append(part, "0")
	}
	if !ok || len(part) != carryParts {
		return wire.Place{}, time.Time{}, ErrToken
	}
	var errs [6]error
	var p wire.Place
	expires, at := int64(0), int64(0)
	expires, errs[0] = strconv.ParseInt(part[0], 10, 64)
	p.Event, p.Lane, p.Region, p.Fan, p.Code, p.Channel = part[1], part[2], part[3], part[5], part[7], part[8]
	p.Number, errs[1] = strconv.ParseUint(part[4], 10, 64)
	at, errs[2] = strconv.ParseInt(part[6], 10, 64)
	p.Limit, errs[3] = strconv.Atoi(part[9])
	p.Turn, errs[4] = strconv.Atoi(part[10])
	p.Priced, errs[5] = strconv.ParseInt(part[11], 10, 64)
	if errors.Join(errs[:]...) != nil || !wire.IsName(p.Event) || !slices.Contains(wire.Lanes(), p.Lane) || !wire.IsFan(p.Fan) {
		return wire.Place{}, time.Time{}, ErrToken
	}
	p.At = time.UnixMilli(at).UTC()
	ends := time.Unix(expires, 0).UTC()
	if !now.Before(ends) {
		return p, ends.Add(-CarryTTL), ErrCarryExpired
	}
	return p, ends.Add(-CarryTTL), nil
}
