package risk

import (
	"cmp"
	"math"
	"slices"
	"time"

	"frontrow/gateway/client/ja4"
)

// Fresh is the age of a cookie below which nobody can have found and pressed "Join".
const Fresh = 2 * time.Second

// Assessment is a score with its reasons, the heaviest first.
type Assessment struct {
	Score   int // 0 to 100
	Reasons []string
}

// Rule is a reason: what it is worth at most, why, and how much of it a request has.
type Rule struct {
	Reason string
	Points int
	Why    string // for the operator
	Words  string // for the fan
	of     func(*Signals, agent) float64
}

// Table lists all reasons.
type Table []Rule

// maxReasons is more than Weights has: so many are found without asking for memory.
const maxReasons = 32

// Weights returns the table. Points add up; 50 asks for a proof, 75 for a stronger one,
// unless the operator sets other thresholds.
func Weights() Table {
	const (
		browser = "Your browser does not look like the one it says it is."
		program = "The request looks like a program's."
		crowd   = "Very many people are joining from your network right now."
		spin    = "Seats were held and given up again very often."
		keep    = "Very many seats are kept from your network and not bought."
		quick   = "Seats were asked for faster than a person can."
	)
	return Table{
		{"tls-mismatch", 40, "the TLS handshake is another program's than the User-Agent names; company proxies do that too", browser,
			yes(func(s *Signals, a agent) bool {
				f := ja4.FamilyOf(s.JA4)
				return f != ja4.Unknown && a.family != ja4.Unknown && a.family != ja4.Tool && f != a.family
			})},
		{"hints-mismatch", 40, "client hints and User-Agent are of two browsers: no browser does that", browser,
			yes(func(s *Signals, a agent) bool { return hintsDiffer(a, s.Headers) })},
		{"hints-missing", 25, "the browser that is named sends headers on HTTPS that are missing; some proxies remove them", browser,
			yes(func(s *Signals, a agent) bool { return hintsMissing(a, s) })},
		{"agent-missing", 30, "no User-Agent: neither a browser nor a decent program", program,
			yes(func(s *Signals, _ agent) bool { return s.UserAgent == "" })},
		{"agent-tool", 10, "the User-Agent is a program's that doesn't hide it: cheap, for the API is public", program,
			yes(func(s *Signals, a agent) bool { return s.UserAgent != "" && a.family == ja4.Tool })},
		{"headers-missing", 10, "Accept, Accept-Language or Accept-Encoding is missing, which browsers always send", program,
			yes(func(s *Signals, _ agent) bool { return bare(s.Headers) })},
		{"headers-pretended", 30, "the same of one that claims to be a browser: added to headers-missing", browser,
			yes(func(s *Signals, a agent) bool { return bare(s.Headers) && s.UserAgent != "" && a.family != ja4.Tool })},
		{"fan-unknown", 10, "no cookie of ours: whoever opened the page has one", "The event's page was not opened first.",
			yes(func(s *Signals, _ agent) bool { return !s.FanKnown })},
		{"fan-fresh", 10, "the cookie is seconds old: nobody finds the button that fast", "The queue was joined faster than a person can.",
			yes(func(s *Signals, _ agent) bool { return s.FanKnown && s.FanAge > 0 && s.FanAge < Fresh })},
		{"datacenter", 30, "the address is in a range that the operator lists as a datacenter; VPNs are there too", "The address belongs to a datacenter or a VPN.",
			yes(func(s *Signals, _ agent) bool { return s.Datacenter })},

		{"address-joins", 50, "joins of the address: from a twentieth of its budget, in full at three tenths: an office's fans all come in the first minute", crowd,
			ramp(0.05, 0.3, func(s *Signals) float64 { return s.AddressJoins })},
		{"network-joins", 30, "joins of the network around it, likewise", crowd,
			ramp(0.05, 0.3, func(s *Signals) float64 { return s.NetworkJoins })},
		{"fan-owes", 50, "the cookie is one of very many that were given to its address or network within an hour: the first are free, each of the others costs one proof, however long it is kept", "Very many new browsers came from your network.",
			yes(func(s *Signals, _ agent) bool { return s.FanOwes })},
		{"network-strangers", 40, "joins of the network by who has not opened the page, from three a minute, in full at nine: one program under many names. It counts against the network's newcomers alone", "Programs are joining from your network right now.",
			func(s *Signals, a agent) float64 {
				if s.FanEarned {
					return 0
				}
				return ramp(0.05, 0.15, func(s *Signals) float64 { return s.NetworkStrangers })(s, a)
			}},
		{"rotation", 40, "new addresses of one IPv6 /48: one customer who changes addresses", "The address changes with every request.",
			ramp(0.05, 0.25, func(s *Signals) float64 { return s.Rotation })},
		{"fan-holds", 60, "holds granted to the fan: one a second is where nobody looks at seats any more", quick,
			ramp(0.25, 0.6, func(s *Signals) float64 { return s.FanHolds })},
		{"address-holds", 20, "holds of the address: many fans behind it may be many, so little", quick,
			ramp(0.1, 0.5, func(s *Signals) float64 { return s.AddressHolds })},
		{"fan-spins", 60, "holds of the fan that lapsed or were given back: keeping seats from others (OWASP OAT-021)", spin,
			ramp(0.3, 0.8, func(s *Signals) float64 { return s.FanSpins })},
		{"network-spins", 40, "the same of all fans of the network", spin,
			ramp(0.1, 0.5, func(s *Signals) float64 { return s.NetworkSpins })},
		{"address-seats", 100, "the part of the house that the address was granted and has not bought: an office of fifty that chooses at once is below it, beyond it the proof grows with the share", keep,
			ramp(0.12, 0.24, func(s *Signals) float64 { return s.AddressSeats })},
		{"network-seats", 100, "the same of the network around it, in which a campus may be", keep,
			ramp(0.25, 0.5, func(s *Signals) float64 { return s.NetworkSeats })},
	}
}

// yes gives all of a rule's points or none.
func yes(holds func(*Signals, agent) bool) func(*Signals, agent) float64 {
	return func(s *Signals, a agent) float64 {
		if holds(s, a) {
			return 1
		}
		return 0
	}
}

// ramp gives nothing up to the share from, and all points from the share to on.
func ramp(from, to float64, of func(*Signals) float64) func(*Signals, agent) float64 {
	return func(s *Signals, _ agent) float64 { return min(1, max(0, (of(s)-from)/(to-from))) }
}

// Score adds up the rules that apply to s.
func (t Table) Score(s Signals) Assessment {
	type found struct {
		reason string
		points int
	}
	var room [maxReasons]found
	all, sum := room[:0], 0
	a := parseAgent(s.UserAgent)
	for _, r := range t {
		if points := int(math.Round(float64(r.Points) * r.of(&s, a))); points > 0 {
			sum += points
			all = append(all, found{r.Reason, points})
		}
	}
	slices.SortStableFunc(all, func(x, y found) int { return cmp.Compare(y.points, x.points) })
	out := Assessment{Score: min(100, sum)}
	if len(all) > 0 {
		out.Reasons = make([]string, len(all))
	}
	for i, f := range all {
		out.Reasons[i] = f.reason
	}
	return out
}

// Words returns what the fan is told about the heaviest reasons: at most three different
// sentences.
func (t Table) Words(reasons []string) (sentences []string) {
	for _, reason := range reasons {
		for _, r := range t {
			if r.Reason == reason && !slices.Contains(sentences, r.Words) && len(sentences) < 3 {
				sentences = append(sentences, r.Words)
			}
		}
	}
	return sentences
}
