package rehearse

import (
	"context"
	"net/http"
	"sync"

	"frontrow/wire"
)

// maxLoot bounds the tokens that forgers can take.
const maxLoot = 64

// loot is the newest tokens of visitors, for forgers to take.
type loot struct {
	mu    sync.Mutex
	taken []token
}

// token is what names a visitor and lets them in.
type token struct {
	who           int
	receipt, pass string
}

// drop leaves a visitor's token for others to find.
func (l *loot) drop(v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.taken) == maxLoot {
		l.taken = l.taken[1:]
	}
	l.taken = append(l.taken, token{v.n, v.receipt, v.pass})
}

// foreign returns the newest token of another visitor, one with a pass or, if pass is
// false, one with only a receipt.
func (l *loot) foreign(v *visitor, pass bool) (t token, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.taken) - 1; i >= 0; i-- {
		if t = l.taken[i]; t.who != v.n && (t.pass != "") == pass {
			return t, true
		}
	}
	return t, false
}

// forge tries receipts and passes that must open nothing. It ignores answers that say
// "try again".
func (v *visitor) forge(ctx context.Context) {
	redeem := func(receipt string, as cookies) request {
		return request{route: routeRedeem, method: http.MethodPost, path: v.r.path("/passes"),
			body: mustJSON(map[string]string{"place": receipt}), cookies: as}
	}
	hold := func(pass string, as cookies) request {
		return request{route: routeHold, method: http.MethodPost, path: v.r.path("/holds"),
			body: mustJSON(map[string]any{"best": wire.Best{Count: 1}}), pass: pass, cookies: as}
	}
	tries := map[string]request{
		"a tampered receipt":           redeem(tampered(v.receipt), v.cookies),
		"a receipt without a cookie":   redeem(v.receipt, cookies{device: v.cookies.device}),
		"a receipt under a forged fan": redeem(v.receipt, cookies{tampered(v.cookies.fan), v.cookies.device}),
		"a receipt in place of a pass": hold(v.receipt, v.cookies),
		"no pass":                      hold("", v.cookies),
	}
	if other, ok := v.r.loot.foreign(v, false); ok {
		tries["a foreign receipt"] = redeem(other.receipt, v.cookies)
	}
	if other, ok := v.r.loot.foreign(v, true); ok {
		tries["a foreign pass"] = hold(other.pass, v.cookies)
	}
	if v.pass != "" {
		tries["a tampered pass"] = hold(tampered(v.pass), v.cookies)
		tries["a pass on another device"] = hold(v.pass, cookies{fan: v.cookies.fan})
		tries["a pass without a cookie"] = hold(v.pass, cookies{device: v.cookies.device})
	}
	for what, q := range tries {
		as := q.cookies
		v.sign(&q)
		q.cookies = as
		if a, err := v.client.send(ctx, v.tally, q); err == nil && !a.busy() {
			v.r.check.forged(what, a.status < http.StatusMultipleChoices)
		}
	}
}

// tampered changes one character in the middle of a token.
func tampered(token string) string {
	b := []byte(token)
	at := len(b) / 2
	if at < len(b) {
		if b[at] == 'A' {
			b[at] = 'B'
		} else {
			b[at] = 'A'
		}
	}
	return string(b)
}
