package listener

import (
	"container/heap"
	"container/list"
	"net/netip"
)

// look is how many of the most crowded parts are examined before any with an idle
// connection will do.
const look = 64

// crowd is a set of connections with a common bound: those of an address, which are part of
// those of its network, which are part of all.
type crowd struct {
	key   netip.Prefix
	wider *crowd // nil: these are all
	rank  int    // in wider.parts
	most  int    // connections at a time
	why   string // why a connection beyond most is refused

	conns int
	half  int        // those of n that have made no request yet
	idle  int        // those of n that have made a request and are making none now
	parts parts      // of a wider crowd: the narrower ones
	rest  *list.List // of an address: its idle *Conn, the longest idle first
}

// add counts n connections here and in the wider crowds.
func (p *crowd) add(n int) {
	for ; p != nil; p = p.wider {
		p.conns += n
		if p.wider != nil {
			heap.Fix(&p.wider.parts, p.rank)
		}
	}
}

// addIdle counts idle connections, addHalf half-open ones.
func (p *crowd) addIdle(n int) {
	for ; p != nil; p = p.wider {
		p.idle += n
	}
}

func (p *crowd) addHalf(n int) {
	for ; p != nil; p = p.wider {
		p.half += n
	}
}

// longest returns the connection that must make room in p: the longest idle one of the part
// with the most connections; nil if none is idle.
func (p *crowd) longest() *Conn {
	if p.idle == 0 {
		return nil
	}
	if p.rest != nil {
		return p.rest.Front().Value.(*Conn)
	}
	var best *crowd
	for i, q := range p.parts { // a heap: the most crowded are among the first
		if i >= look && best != nil {
			break
		}
		if q.idle > 0 && (best == nil || q.conns > best.conns) {
			best = q
		}
	}
	return best.longest()
}

// part returns the narrower crowd of a key, and makes it if there is none.
func (p *crowd) part(in map[netip.Prefix]*crowd, key netip.Prefix, most int, why string) *crowd {
	q, ok := in[key]
	if !ok {
		q = &crowd{key: key, wider: p, most: most, why: why}
		in[key] = q
		heap.Push(&p.parts, q)
	}
	return q
}

// leave removes an empty crowd from the wider one.
func (p *crowd) leave(in map[netip.Prefix]*crowd) {
	delete(in, p.key)
	heap.Remove(&p.wider.parts, p.rank)
}

// parts is a heap of crowds, the one with the most connections first.
type parts []*crowd

func (h parts) Len() int           { return len(h) }
func (h parts) Less(i, j int) bool { return h[i].conns > h[j].conns }
func (h parts) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].rank, h[j].rank = i, j }

func (h *parts) Push(x any) {
	q := x.(*crowd)
	q.rank = len(*h)
	*h = append(*h, q)
}

func (h *parts) Pop() any {
	last := len(*h) - 1
	q := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return q
}
