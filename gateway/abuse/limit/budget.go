package limit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ulule/limiter/v3"
)

// Kind is the kind of client that a budget belongs to.
type Kind string

// Kinds. An address is an IPv4 /32 or an IPv6 /64, a network a /24 or a /48.
const (
	Address Kind = "address"
	Network Kind = "network"
	Fan     Kind = "fan"
)

// Route is what a client does. The second group are never refused themselves: they are
// counted for the risk score, which looks at the used share of the limit.
type Route string

// Routes.
const (
	Join      Route = "join"
	Redeem    Route = "redeem"
	Hold      Route = "hold"
	Checkout  Route = "checkout"
	Challenge Route = "challenge"
	Carry     Route = "carry"    // a place to another device
	SignOut   Route = "sign-out" // of sessions
	Read      Route = "read"
	Live      Route = "live"
	Connect   Route = "connect"

	NewFan   Route = "new-fan"  // new fans; those beyond the budget owe a proof
	Guess    Route = "guess"    // wrong e-mail addresses for an access code; the "fan" of this budget is the code
	Promo    Route = "promo"    // wrong codes of promotions
	Digits   Route = "digits"   // tries at the digits of a link; the "fan" of this budget is the link
	Stranger Route = "stranger" // joins by clients that have not opened the page
	Rotation Route = "rotation" // addresses of a network seen for the first time
	Held     Route = "held"     // holds that were granted
	Spin     Route = "spin"     // holds that ended without a sale
)

// Budgets has the rate of each route and kind. What is missing is not limited.
type Budgets map[Route]map[Kind]limiter.Rate

// Default budgets. An office or a mobile carrier's gateway is one address with thousands of
// fans, all of whom come in the opening minute. So an address has a large budget, and long
// before it is spent the used share makes the risk score ask for a proof (package risk). A
// fan's budgets are far above what a person does, and what their page does when everything
// goes wrong. Somebody who hoards cookies needs many new fans; an office's, and a campus's,
// are free.
const defaults = `
	join.address=3000-M      join.network=12000-M      join.fan=600-M
	redeem.address=12000-M   redeem.network=48000-M    redeem.fan=2400-M
	hold.address=12000-M     hold.network=48000-M      hold.fan=2400-M
	checkout.address=3000-M  checkout.network=12000-M  checkout.fan=600-M
	challenge.address=3000-M challenge.network=12000-M challenge.fan=60-M
	carry.address=1200-M     carry.network=4800-M      carry.fan=60-M
	sign-out.address=600-H   sign-out.network=2400-H   sign-out.fan=12-H
	read.address=120000-M    read.network=480000-M
	live.address=12000-M     live.network=48000-M      live.fan=120-M
	connect.address=60000-M  connect.network=240000-M

	guess.address=30-H       guess.network=120-H       guess.fan=10-H     digits.fan=5-H
	promo.address=240-H      promo.network=960-H       promo.fan=10-H
	new-fan.address=96-H     new-fan.network=768-H   stranger.network=60-M   rotation.network=256-M
	held.address=3000-M      held.fan=240-M          spin.network=400-H      spin.fan=20-H`

// Defaults returns the default budgets.
func Defaults() Budgets {
	b, err := ParseBudgets(defaults)
	if err != nil {
		panic(err) // a constant that the tests parse too
	}
	return b
}

// ParseBudgets reads "join.address=3000-M hold.fan=600-M": a count and a period,
// S, M, H or D, each; separated by blanks or commas. The error has all faults.
func ParseBudgets(text string) (Budgets, error) {
	b := Budgets{}
	var faults []error
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if err := b.add(field); err != nil {
			faults = append(faults, fmt.Errorf("limit %q: %w", field, err))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return b, nil
}

func (b Budgets) add(field string) error {
	name, formatted, ok := strings.Cut(field, "=")
	route, kind, ok2 := strings.Cut(name, ".")
	if !ok || !ok2 || !slices.Contains(Routes(), Route(route)) || !slices.Contains([]Kind{Address, Network, Fan}, Kind(kind)) {
		return errors.New("write it like join.address=3000-M")
	}
	rate, err := limiter.NewRateFromFormatted(formatted)
	if err != nil || rate.Limit < 1 || rate.Limit > maxActs {
		return fmt.Errorf("write a count, of at most %d, and a period (S, M, H or D), like 3000-M", maxActs)
	}
	if _, twice := b[Route(route)][Kind(kind)]; twice {
		return fmt.Errorf("%s is given twice", name)
	}
	if b[Route(route)] == nil {
		b[Route(route)] = map[Kind]limiter.Rate{}
	}
	b[Route(route)][Kind(kind)] = rate
	return nil
}

// Routes lists all routes.
func Routes() []Route {
	return []Route{Join, Redeem, Hold, Checkout, Challenge, Carry, SignOut, Read, Live, Connect, NewFan, Guess, Promo, Digits, Stranger, Rotation, Held, Spin}
}

// With returns b overridden by other.
func (b Budgets) With(other Budgets) Budgets {
	all := Budgets{}
	for _, from := range []Budgets{b, other} {
		for route, kinds := range from {
			if all[route] == nil {
				all[route] = map[Kind]limiter.Rate{}
			}
			maps.Copy(all[route], kinds)
		}
	}
	return all
}
