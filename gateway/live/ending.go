package live

// Ending is why a socket is closed from here. What close code stands for it is the
// protocol's matter, and Config says it.
type Ending int

// The endings.
const (
	Life     Ending = iota // it has lived its life: come back
	Deploy                 // this gateway stops: come back elsewhere
	Overload               // too slow, or what was told no longer holds: come back and read everything again
	Policy                 // the client asks for what there isn't, or for too much
	Data                   // what the client sends is not what a live socket takes
)

// label is an ending as a metric label.
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
