package wire

import (
	"strconv"
	"time"
)

// Lanes of an event's queue, in the order they are served.
const (
	LanePriority = "priority"
	LaneGeneral  = "general"
	LaneSlow     = "slow"
)

// Lanes lists the lanes in the order they are served.
func Lanes() []string { return []string{LanePriority, LaneGeneral, LaneSlow} }

// PlaceRecord is a fan's place: the value under fan.<fan> in
// QUEUE_<event>_<lane>, and under fan.<fan>.<turn> once they have used up others. It
// is created once and never changed; its revision in the stream is the place's
// number, and the instant at which the stream stored it is the arrival that
// regions are merged by.
type PlaceRecord struct {
	Fan  string    `json:"fan"`
	Turn int       `json:"turn,omitempty"` // how many passes of the fan had ended when it was given out
	At   time.Time `json:"at"`             // when the gateway took the arrival
	Grant

	// Priced is Board.Priced of the board that the gateway showed: what the fan pays at most.
	// 0: nothing was promised, as in places of a version without promises.
	Priced int64 `json:"priced,omitempty"`

	Risk    int      `json:"risk,omitempty"`    // 0 to 100, as the gateway saw the arrival
	Reasons []string `json:"reasons,omitempty"` // for it
}

// republished is the age at which a record is taken for one that somebody has stored
// again by hand: a join that takes so long has failed.
const republished = time.Minute

// Given is when the place was given out, if its stream stored the record at stored.
func (r PlaceRecord) Given(stored time.Time) time.Time {
	if r.At.Before(stored.Add(-republished)) {
		return r.At
	}
	return stored
}

// Grant is what an access code gives beside its lane.
type Grant struct {
	Code    string `json:"code,omitempty"`    // the code's id, never the code
	Channel string `json:"channel,omitempty"` // whose seats the fan may have too
	Limit   int    `json:"limit,omitempty"`   // tickets the fan may have in all; 0: the event's
}

// PlaceKey is the key of a fan's first place.
func PlaceKey(fan string) string { return PlacePrefix + fan }

// TurnKey is PlaceKey for a fan's turn, counted from 0.
func TurnKey(fan string, turn int) string { return ofTurn(PlaceKey(fan), turn) }

// PassKey is the key of a fan's pass of a turn, in PASSES_<event>.
func PassKey(fan string, turn int) string { return ofTurn(PassPrefix+fan, turn) }

func ofTurn(key string, turn int) string {
	if turn == 0 {
		return key
	}
	return key + "." + strconv.Itoa(turn)
}

// Place is a fan's number in a lane of a region.
type Place struct {
	Event  string    `json:"event"`
	Lane   string    `json:"lane"`
	Region string    `json:"region"`
	Number uint64    `json:"number"`
	Fan    string    `json:"fan"`
	Turn   int       `json:"turn,omitempty"` // see PlaceRecord
	At     time.Time `json:"at"`
	Grant
	Priced int64 `json:"priced,omitempty"` // see PlaceRecord
}

// StandRequest asks the admitter whether a place is still good. StandReply says whether
// it is used up, because its fan's pass has ended since, and for which turn the fan's
// next place is. A fan who gets no other place has a problem instead: their pass was
// revoked.
type StandRequest struct {
	Place Place `json:"place"`
}

type StandReply struct {
	Used    bool     `json:"used,omitempty"`
	Turn    int      `json:"turn,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}
