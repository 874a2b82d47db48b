package abuse

import (
	"fmt"
	"slices"

	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/challenge/siteverify"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/gateway/listener"
)

const (
	// DefaultMaxSocketsOfFan and DefaultMaxSocketsOfAddress bound the live sockets of one
	// fan, who may have many tabs, and of one address, which may be an office.
	DefaultMaxSocketsOfFan     = 16
	DefaultMaxSocketsOfAddress = 8192
)

// Part is a part of the defences that can be switched off, so that a rehearsal can show
// what it is worth.
type Part string

// The parts.
const (
	Limits     Part = "limits"     // off: nobody is refused for doing too much, but all is counted
	Risk       Part = "risk"       // off: every score is 0
	Challenges Part = "challenges" // off: scores are noted, but nobody has to prove anything
	Edge       Part = "edge"       // off: connections and sockets are bounded in total only
)

// Parts lists them.
func Parts() []Part {
	return []Part{Limits, Risk, Challenges, Edge}
}

// Config configures the defences. Its zero value means all of them with their defaults, for
// a gateway that is reached directly.
type Config struct {
	// Off lists the parts that are switched off.
	Off []Part
	// Proxies are trusted: their X-Forwarded-For, -Proto, -Host and JA4Header headers
	// count.
	Proxies *client.Networks
	// JA4Header is the header in which proxies that end TLS send the client's JA4; empty:
	// none.
	JA4Header string
	// Exempt addresses, of monitoring or load tests, are neither limited nor scored.
	Exempt *client.Networks
	// Datacenters are address ranges that people seldom browse from.
	Datacenters *client.Networks
	// Budgets override those of limit.Defaults.
	Budgets limit.Budgets
	// MaxKeys bounds the keys that are counted; 0 means limit.DefaultMaxKeys.
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

// Validate fills in defaults and reports what is invalid.
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

// WidgetOrigins returns the origins that pages must be allowed to load from.
func (c *Config) WidgetOrigins() []string {
	if c.Widget == nil {
		return nil
	}
	return c.Widget.Origins()
}

func (c *Config) off(which Part) bool { return slices.Contains(c.Off, which) }
