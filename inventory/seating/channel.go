package seating

import (
	"fmt"
	"slices"
	"time"

	"frontrow/wire"
)

// Bounds of blocks.
const (
	maxChannels = 16 // per event, at a time
	// MaxFlush is how many seats one log record changes, so that it fits a message: that
	// leaves 1,700 bytes for each.
	MaxFlush = 600
	// shortSeats are as many free seats, of holds that deadlines have ended, as take the room
	// of one: no quote, no fan's answer belongs to them. The ids of such seats have at most
	// shortID bytes.
	shortSeats = 3
	shortID    = 64
	// MaxWide is how many records one command that blocks by section, level or channel
	// changes: these always fit a flush beside what deadlines may fill.
	MaxWide = MaxFlush/2 - 2*wire.MaxPerFan
)

// block is why a seat is off general sale. A seat that a channel's buyer holds keeps its
// block and returns to it; a sale ends the block.
type block struct{ channel, why string }

// mark sets or removes a seat's block.
func (e *Engine) mark(seat int, b *block) {
	if old, ok := e.blocks[seat]; ok {
		delete(e.blocks, seat)
		if old.channel != "" {
			if e.channels[old.channel]--; e.channels[old.channel] == 0 {
				delete(e.channels, old.channel)
				delete(e.finder.channels, old.channel)
			}
		}
	}
	if b == nil {
		return
	}
	e.blocks[seat] = *b
	if b.channel != "" {
		e.channels[b.channel]++
		e.finder.openChannel(b.channel)
	}
}

// forSale reports whether a buyer of a channel ("" for everybody) may have a seat.
func (e *Engine) forSale(seat int, channel string) bool {
	return e.state[seat] == wire.Available ||
		e.state[seat] == wire.Blocked && channel != "" && e.blocks[seat].channel == channel
}

// Block takes free seats off sale or puts blocked ones back; see wire.BlockRequest.
func (e *Engine) Block(r wire.BlockRequest, now time.Time) wire.BlockReply {
	if p := e.checkBlock(r); p != nil {
		return wire.BlockReply{Problem: p}
	}
	var seats []int
	var reply wire.BlockReply
	if len(r.Seats) > 0 {
		if seats, reply.Problem = e.blockNamed(r); reply.Problem != nil {
			return reply
		}
	} else {
		seats, reply = e.blockWide(r)
	}
	kind, to, b := wire.ActKindBlock, wire.Blocked, &block{r.Channel, r.Why}
	if r.Unblock {
		kind, to, b = wire.ActKindUnblock, wire.Available, nil
	}
	var acted []int
	for _, i := range seats {
		e.mark(i, b)
		if s := e.state[i]; s == wire.Available || s == wire.Blocked {
			e.change(i, to, nil, now)
			acted = append(acted, i)
		} else { // held by a channel's buyer: it will no longer return to the channel
			e.touch(i)
		}
	}
	if len(seats) > 0 {
		e.acts = append(e.acts, wire.Act{Kind: kind, Seats: e.ids(acted), Channel: r.Channel, By: r.By, Why: r.Why})
	}
	reply.Changed = len(seats)
	return reply
}

func (e *Engine) checkBlock(r wire.BlockRequest) *wire.Problem {
	wide := len(r.Sections) > 0 || len(r.Levels) > 0
	switch {
	case len(r.Seats) == 0 && !wide && !(r.Unblock && r.Channel != ""):
		return wire.Refuse(wire.CodeInvalid, "Name seats, sections or levels; to unblock, a channel will do.")
	case len(r.Seats) > 0 && wide:
		return wire.Refuse(wire.CodeInvalid, "Name seats, or sections and levels, not both.")
	case r.Channel != "" && !wire.IsName(r.Channel):
		return wire.Refuse(wire.CodeInvalid, "A channel's name is up to 48 of a-z, 0-9 and '-'.")
	case !r.Unblock && r.Channel != "" && e.channels[r.Channel] == 0 && len(e.channels) == maxChannels:
		return wire.Refuse(wire.CodeInvalid, fmt.Sprintf("There are %d channels already; lift one first.", maxChannels))
	}
	for _, id := range r.Sections {
		if _, _, ok := e.finder.sectionOf(id); !ok {
			return wire.Refuse(wire.CodeUnknownArea, "The plan has no section or area "+id+".")
		}
	}
	for _, id := range r.Levels {
		if !slices.ContainsFunc(e.spec.Levels, func(l wire.Level) bool { return l.ID == id }) {
			return wire.Refuse(wire.CodeInvalid, "There is no price level "+id+".")
		}
	}
	return nil
}

// blockNamed returns all the named seats that must change, or none. A seat named twice
// changes once.
func (e *Engine) blockNamed(r wire.BlockRequest) (seats []int, p *wire.Problem) {
	var other []string
	named := make(map[string]bool, len(r.Seats))
	for _, id := range r.Seats {
		if named[id] {
			continue
		}
		named[id] = true
		i, ok := e.index.Lookup(id)
		if !ok {
			return nil, wire.Refuse(wire.CodeUnknownSeat, "The plan has no seat "+id+".")
		}
		switch e.blockable(i, r) {
		case blockChange:
			seats = append(seats, i)
		case blockOther:
			other = append(other, id)
		}
	}
	if other != nil {
		p := wire.Refuse(wire.CodeTaken, "Some seats are held, sold, or blocked for another channel; nothing was changed.")
		p.Seats = other
		return nil, p
	}
	return seats, nil
}

// blockWide returns the first MaxWide of the seats that match and must change.
func (e *Engine) blockWide(r wire.BlockRequest) (seats []int, reply wire.BlockReply) {
	var levels uint64
	for i, l := range e.spec.Levels {
		if len(r.Levels) == 0 || slices.Contains(r.Levels, l.ID) {
			levels |= 1 << i
		}
	}
	for k := range e.sections {
		if len(r.Sections) > 0 && !slices.Contains(r.Sections, e.sectionID(k)) {
			continue
		}
		start, end := e.sectionRange(k)
		for i := start; i < end; i++ {
			if levels&(1<<e.levelOf[i]) == 0 {
				continue
			}
			switch e.blockable(i, r) {
			case blockChange:
				if len(seats) < MaxWide {
					seats = append(seats, i)
				} else {
					reply.Left++
				}
			case blockOther:
				if !r.Unblock {
					reply.Skipped++
				}
			}
		}
	}
	return seats, reply
}

// What a request means for a seat.
const (
	blockDone   = iota // it is already as requested
	blockChange        //
	blockOther         // it is somebody's
)

func (e *Engine) blockable(i int, r wire.BlockRequest) int {
	b, marked := e.blocks[i]
	_, spoiled := e.spoiled[i]
	switch s := e.state[i]; {
	case spoiled:
		return blockOther
	case r.Unblock && marked && (r.Channel == "" || b.channel == r.Channel):
		return blockChange
	case r.Unblock && s == wire.Available, !r.Unblock && s == wire.Blocked && b.channel == r.Channel:
		return blockDone
	case !r.Unblock && s == wire.Available:
		return blockChange
	}
	return blockOther
}
