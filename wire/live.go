package wire

// Frames of GET /v1/events/{event}/live, one JSON object a WebSocket text
// message. A frame is encoded once and written to every socket it concerns.
//
//	client                                   server
//	  │ ◄── {"t":"board","board":{…}}          │  at once, then with each change, at most once a second
//	  │ ◄── {"t":"stock","stock":{…}}          │  at once, then with each change, at most twice a second
//	  │ ──► {"watch":["101","floor"]}          │  sections and areas in view; ["*"] for all
//	  │ ◄── {"t":"seats","section":"101",…}    │  changes, gathered for LiveTick
//	  │ ◄── {"t":"notice","notice":{…}}        │  my hold, my order
//
// A client reads the availability snapshot after its watch was sent, applies
// frames with To above the snapshot's sequence, and reads it again when From
// is above the sequence it stands at.
const (
	FrameBoard  = "board"
	FrameStock  = "stock"
	FrameSeats  = "seats"
	FrameNotice = "notice"
)

// LiveFrame is what the server sends; only the field named by T is set.
type LiveFrame struct {
	T      string  `json:"t"`
	Board  *Board  `json:"board,omitempty"`
	Stock  *Stock  `json:"stock,omitempty"`
	Notice *Notice `json:"notice,omitempty"`

	// seats: the states of a section's changed seats after revision From and up
	// to revision To. Changes holds pairs: index in plan order, two-bit state.
	Section string   `json:"section,omitempty"`
	From    uint64   `json:"from,omitempty"`
	To      uint64   `json:"to,omitempty"`
	Changes [][2]int `json:"changes,omitempty"`
}

// LiveWatch is what a client may send.
type LiveWatch struct {
	Watch []string `json:"watch"`
}
