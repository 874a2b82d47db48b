package wire

// Frames of GET /v1/events/{event}/live, one JSON object a WebSocket text
// message. A frame is encoded once and written to every socket it concerns.
//
//	client                                   server
//	  │ ◄── {"t":"board","board":{…}}          │  at once; then with each change, the sooner the nearer the place is to its head
//	  │ ◄── {"t":"stock","stock":{…}}          │  at once, then with each change, at most twice a second
//	  │ ──► {"place":{"lane":…,"region":…,"number":…}}  where the fan stands: it sets the pace of boards
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

// LiveWatch is what a client may send; what is left out stays as it was.
type LiveWatch struct {
	Watch []string   `json:"watch"`
	Place *LivePlace `json:"place"`
}

// LivePlace is where a fan says they stand. Nobody is let in for it, so it needs
// no receipt.
type LivePlace struct {
	Lane   string `json:"lane"`
	Region string `json:"region"`
	Number uint64 `json:"number"`
}
