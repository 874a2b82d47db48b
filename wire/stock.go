package wire

import "time"

// Count is how many places are in each state.
type Count struct {
	Free    int `json:"free"`
	Held    int `json:"held"`
	Sold    int `json:"sold"`
	Blocked int `json:"blocked"`
}

// Total is the number of places counted.
func (c Count) Total() int { return c.Free + c.Held + c.Sold + c.Blocked }

// Stock is the record of an event in STOCK, written by its writer after
// flushes, at most a few times a second: it informs, it never decides.
type Stock struct {
	Event    string           `json:"event"`
	Flush    uint64           `json:"flush"` // number of the last flush counted
	At       time.Time        `json:"at"`
	Writer   string           `json:"writer"`
	Term     uint64           `json:"term,omitempty"` // of the writer; 0: of a version that writes whatever stands there
	All      Count            `json:"all"`
	Sections map[string]Count `json:"sections"` // by section or area id
	Levels   map[string]Count `json:"levels"`   // by price level

	Fans    int `json:"fans"`            // who hold or have bought
	Squares int `json:"tickets_squared"` // sum over them of the square of their tickets, for the spread
}
