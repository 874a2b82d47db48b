package client

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// maxNetworks bounds a list that an operator gives; the big clouds publish some
// ten thousand ranges each.
const maxNetworks = 200_000

// Networks is a set of address ranges. Nil is the empty set.
type Networks struct {
	ranges map[netip.Prefix]struct{}
	bits   []int // the prefix lengths that occur
}

// Loopback is this machine.
func Loopback() *Networks {
	n, _ := ParseNetworks("127.0.0.0/8", "::1") // constants: can't fail
	return n
}

// ParseNetworks reads ranges ("192.0.2.0/24") and single addresses.
func ParseNetworks(texts ...string) (*Networks, error) {
	n := &Networks{ranges: map[netip.Prefix]struct{}{}}
	for _, t := range texts {
		if err := n.add(t); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// ReadNetworks reads a list of ranges, one a line; '#' begins a comment.
func ReadNetworks(r io.Reader) (*Networks, error) {
	n := &Networks{ranges: map[netip.Prefix]struct{}{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := n.add(text); err != nil {
			return nil, err
		}
	}
	return n, lines.Err()
}

func (n *Networks) add(text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, ok := parse(text)
		if !ok {
			return fmt.Errorf("%q is not an address or a range such as 192.0.2.0/24", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() { // clients are known by their IPv4 form
		if p.Bits() < 96 {
			return fmt.Errorf("%q: write IPv4 ranges as such", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if len(n.ranges) == maxNetworks {
		return fmt.Errorf("more than %d ranges", maxNetworks)
	}
	n.ranges[p.Masked()] = struct{}{}
	if !slices.Contains(n.bits, p.Bits()) {
		n.bits = append(n.bits, p.Bits())
	}
	return nil
}

// Contain reports whether a lies in one of the ranges: one look-up a prefix length.
func (n *Networks) Contain(a netip.Addr) bool {
	if n == nil {
		return false
	}
	for _, bits := range n.bits {
		if p, err := a.Prefix(bits); err == nil {
			if _, ok := n.ranges[p]; ok {
				return true
			}
		}
	}
	return false
}

// Len is the number of ranges.
func (n *Networks) Len() int {
	if n == nil {
		return 0
	}
	return len(n.ranges)
}
