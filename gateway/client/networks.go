package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNetworks bounds an operator's list; the big clouds publish some ten thousand ranges
// each.
const maxNetworks = 200_000

// maxFaults bounds what is told of a list.
const maxFaults = 20

// Networks is a set of address ranges. Nil is the empty set.
type Networks struct {
	ranges map[netip.Prefix]struct{}
	bits   []int // prefix lengths in use
}

// Loopback returns the loopback ranges.
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

// ReadNetworks reads a list of ranges, one a line; '#' begins a comment. The error has all
// faults, up to a bound, each with its line and column in the file of that name.
func ReadNetworks(name string, r io.Reader) (*Networks, error) {
	n := &Networks{ranges: map[netip.Prefix]struct{}{}}
	var faults []error
	lines := bufio.NewScanner(r)
	for at := 1; lines.Scan(); at++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		text := strings.TrimSpace(line)
		if text == "" {
			continue
		}
		if err := n.add(text); err != nil {
			column := 1 + utf8.RuneCountInString(line[:strings.Index(line, text)])
			faults = append(faults, fmt.Errorf("%s:%d:%d: %w", name, at, column, err))
		}
		if len(faults) == maxFaults {
			return nil, errors.Join(append(faults, fmt.Errorf("%s: from there on it was not read", name))...)
		}
	}
	if err := lines.Err(); err != nil {
		faults = append(faults, fmt.Errorf("%s: %w", name, err))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return n, nil
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
	if p.Addr().Is4In6() { // clients are in IPv4 form
		if p.Bits() < 96 {
			return fmt.Errorf("%q: write IPv4 ranges as such", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return fmt.Errorf("%q is an address and a range: write %s or %s", text, p.Addr(), p.Masked())
	}
	if len(n.ranges) == maxNetworks {
		return fmt.Errorf("more than %d ranges", maxNetworks)
	}
	n.ranges[p] = struct{}{}
	if !slices.Contains(n.bits, p.Bits()) {
		n.bits = append(n.bits, p.Bits())
	}
	return nil
}

// Contain reports whether a lies in one of the ranges, with one look-up per prefix length.
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

// Len returns the number of ranges.
func (n *Networks) Len() int {
	if n == nil {
		return 0
	}
	return len(n.ranges)
}
