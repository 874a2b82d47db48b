package limit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ulule/limiter/v3"
)

// Kind is who a budget belongs to.
type Kind string

// Kinds. An address is an IPv4 /32 or an IPv6 /64, a network a /24 or a /48.
const (
	Address Kind = "address"
	Network Kind = "network"
	Fan     Kind = "fan"
)

// Route is what is done. Those of the second group are never refused for
// themselves: they are counted for the risk score, which looks at the share of the
// limit that is used.
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

	NewFan   Route = "new-fan"  // fans that a request made us name: more than the budget owe a proof
	Guess    Route = "guess"    // e-mail addresses tried at an access code that is another's; the "fan" of its budget is the code
	Digits   Route = "digits"   // tries at the digits of a link; the "fan" of its budget is the link
	Stranger Route = "stranger" // joins of who has not opened the page
	Rotation Route = "rotation" // addresses of a network that come for the first time
	Held     Route = "held"     // holds that were granted
	Spin     Route = "spin"     // holds that ended without a sale
)

// Budgets is the rate of each route and kind. What is missing is not limited.
type Budgets map[Route]map[Kind]limiter.Rate

// Default budgets. An office or a mobile carrier's gateway is one address with
// thousands of fans, all of whom come in the opening minute: so the budget of an
// address is large, and long before it is spent the share that is makes the risk
// score ask for a proof (package risk). The budgets of a fan are far above what
// a person does, and what their page does when everything goes wrong. New fans are what
// somebody has who keeps cookies for later: an office's are free, a campus's too.
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
	new-fan.address=96-H     new-fan.network=768-H   stranger.network=60-M   rotation.network=256-M
	held.address=3000-M      held.fan=240-M          spin.network=400-H      spin.fan=20-H`

// Defaults are the budgets of an operator who sets none.
func Defaults() Budgets {
	b, err := ParseBudgets(defaults)
	if err != nil {
		panic(err) // a constant that the tests parse too
	}
	return b
}

// ParseBudgets reads "join.address=3000-M hold.fan=600-M": a count and a period,
// S, M, H or D, each; separated by blanks or commas.
func ParseBudgets(text string) (Budgets, error) {
	b := Budgets{}
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		name, formatted, ok := strings.Cut(field, "=")
		route, kind, ok2 := strings.Cut(name, ".")
		if !ok || !ok2 || !slices.Contains(Routes(), Route(route)) || !slices.Contains([]Kind{Address, Network, Fan}, Kind(kind)) {
			return nil, fmt.Errorf("limit %q: write it like join.address=3000-M", field)
		}
		rate, err := limiter.NewRateFromFormatted(formatted)
		if err != nil || rate.Limit < 1 || rate.Limit > maxActs {
			return nil, fmt.Errorf("limit %q: write a count, of at most %d, and a period (S, M, H or D), like 3000-M", field, maxActs)
		}
		if b[Route(route)] == nil {
			b[Route(route)] = map[Kind]limiter.Rate{}
		}
		b[Route(route)][Kind(kind)] = rate
	}
	return b, nil
}

// Routes lists all routes.
func Routes() []Route {
	return []Route{Join, Redeem, Hold, Checkout, Challenge, Carry, SignOut, Read, Live, Connect, NewFan, Guess, Digits, Stranger, Rotation, Held, Spin}
}

// With is b with those of other instead of its own.
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
