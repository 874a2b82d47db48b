package wire

import "fmt"

// Fault is what is wrong with one value that a person wrote.
type Fault struct {
	Key     string // where it stands: "levels[0].base"
	Message string // what is wrong, and what to write instead
}

func (f *Fault) Error() string { return f.Key + ": " + f.Message }

// faults collects what is wrong, each a *Fault.
type faults []error

func (f *faults) add(key, format string, a ...any) {
	*f = append(*f, &Fault{key, fmt.Sprintf(format, a...)})
}
