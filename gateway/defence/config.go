package defence

import (
	"fmt"
	"slices"

	"frontrow/gateway/challenge"
	"frontrow/gateway/challenge/siteverify"
	"frontrow/gateway/client"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
)

const (
	// DefaultMaxSocketsOfFan and DefaultMaxSocketsOfAddress bound live sockets of one
	// fan, who may have many tabs, and of one address, which may be an office.
	DefaultMaxSocketsOfFan     = 16
	DefaultMaxSocketsOfAddress = 8192
)

// A Part of the defences can be switched off, so that a rehearsal can show what it is worth.
type Part string

// The parts.
const (
	Limits     Part = "limits"     // off: nobody is refused for doing too much; it is counted all the same
	Risk       Part = "risk"       // off: every score is 0
	Challenges Part = "challenges" // off: scores are noted, and nobody is asked to prove anything
	Edge       Part = "edge"       // off: connections and sockets have no bounds but that in all
)

// Parts lists them.
func Parts() []Part {
	return []Part{Limits, Risk, Challenges, Edge}
}

// Config configures what stands between strangers and the sale. The zero value
// is all of it with its defaults, for a gateway that is reached directly.
type Config struct {
	// Off are switched off.
	Off []Part
	// Proxies are trusted: their X-Forwarded-For, -Proto, -Host and JA4Header count.
	Proxies *client.Networks
	// JA4Header is where proxies that end TLS write the client's JA4; empty: nowhere.
	JA4Header string
	// Exempt addresses are neither limited nor scored: monitoring, load tests.
	Exempt *client.Networks
	// Datacenters are addresses that people seldom have.
	Datacenters *client.Networks
	// Budgets replace those of limit.Defaults that they name.
	Budgets limit.Budgets
	// MaxKeys bounds what is counted; 0 means limit.DefaultMaxKeys.
	MaxKeys int
	// Thresholds of the score; zero means challenge.DefaultThresholds.
	Thresholds challenge.Thresholds
	// Widget, if any, is shown beside the proof of work.
	Widget *siteverify.Client
	// Edge bounds connections; zero values mean package listener's defaults.
	// Its Proxies, Admit and Refused are set by the gateway.
	Edge listener.Config
	// MaxSocketsOfFan and MaxSocketsOfAddress: 0 means the defaults above.
	MaxSocketsOfFan, MaxSocketsOfAddress int
}

// Validate fills what was left out and tells what can't be.
func (c *Config) Validate() error {
	for _, off := range c.Off {
		if !slices.Contains(Parts(), off) {
			return fmt.Errorf("there is no defence %q", off)
		}
	}
	if c.Thresholds == (challenge.Thresholds{}) {
		c.Thresholds = challenge.DefaultThresholds()
	}
	if c.MaxSocketsOfFan == 0 {
		c.MaxSocketsOfFan = DefaultMaxSocketsOfFan
	}
	if c.MaxSocketsOfAddress == 0 {
		c.MaxSocketsOfAddress = DefaultMaxSocketsOfAddress
	}
	return c.Thresholds.Validate()
}

// WidgetOrigins is what pages must be allowed to load from.
func (c *Config) WidgetOrigins() []string {
	if c.Widget == nil {
		return nil
	}
	return c.Widget.Origins()
}

func (c *Config) off(which Part) bool { return slices.Contains(c.Off, which) }
