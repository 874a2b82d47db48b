package live

// Ending is why we close a socket. The close code belongs to the protocol: see Config.Code.
type Ending int

// The endings.
const (
	Life     Ending = iota // it has reached its age limit: come back
	Deploy                 // this gateway stops: come back elsewhere
	Overload               // too slow, or what was sent no longer holds: come back and read everything again
	Policy                 // the client asks for what doesn't exist, or for too much
	Data                   // the client sends what a live socket doesn't take
)

// label returns an ending as a metric label.
func (e Ending) label() string {
	switch e {
	case Overload:
		return "overload"
	case Deploy:
		return "deploy"
	case Life:
		return "life"
	}
	return "policy"
}
