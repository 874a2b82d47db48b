package wire

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Every place has one rank and every rank one place, whatever the sizes.
func TestDrawIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Draw{Secret: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"), Event: "show", Lane: LaneGeneral, Entrants: map[string]uint64{}}
		for _, r := range []string{"eu", "home", "us"}[:rapid.IntRange(1, 3).Draw(t, "regions")] {
			d.Entrants[r] = rapid.Uint64Range(0, 300).Draw(t, r)
		}
		seen := map[uint64]bool{}
		for region, n := range d.Entrants {
			for number := uint64(1); number <= n; number++ {
				rank := d.Rank(region, number)
				if rank < 1 || rank > d.Total() || seen[rank] {
					t.Fatalf("place %d of %s has rank %d of %d", number, region, rank, d.Total())
				}
				seen[rank] = true
				if r, back := d.Place(rank); r != region || back != number {
					t.Fatalf("rank %d is place %d of %s, not %d of %s", rank, back, r, number, region)
				}
			}
			if d.Rank(region, n+1) != 0 || d.Rank(region, 0) != 0 {
				t.Fatal("a place that was not there has a rank")
			}
		}
		if _, n := d.Place(d.Total() + 1); n != 0 {
			t.Fatal("a rank that nobody has is somebody's")
		}
	})
}

// The first place is as likely to be first as to be last: over many secrets
// its rank falls into each tenth about as often (chi-square, 9 degrees of
// freedom; 40 is beyond one in 100,000).
func TestDrawIsFair(t *testing.T) {
	const draws, n = 5000, 1000
	var tenth [10]int
	for i := range draws {
		d := Draw{Secret: []byte(fmt.Sprintf("%032d", i)), Event: "show", Lane: LaneGeneral, Entrants: map[string]uint64{"home": n}}
		tenth[(d.Rank("home", 1)-1)*10/n]++
	}
	chi := 0.0
	for _, got := range tenth {
		d := float64(got) - draws/10
		chi += d * d / (draws / 10)
	}
	if chi > 40 {
		t.Errorf("tenths %v, chi-square %.1f", tenth, chi)
	}
}

// The same numbers for everybody, for ever: pages and other programs compute them too.
func TestDrawVector(t *testing.T) {
	d := Draw{Secret: []byte("0123456789abcdef0123456789abcdef"), Event: "show", Lane: LaneGeneral, Entrants: map[string]uint64{"home": 10, "eu": 4}}
	var ranks []uint64
	for n := uint64(1); n <= 10; n++ {
		ranks = append(ranks, d.Rank("home", n))
	}
	if got := fmt.Sprint(Commit("show", d.Secret), " ", ranks, " ", d.Rank("eu", 1)); got != drawVector {
		t.Error(got)
	}
}

const drawVector = "IslTL-hXJXh-4b_qTpVvDoInMiGR4AIdpNs9eTQvIio [3 7 4 12 5 14 8 9 2 13] 1"

func BenchmarkDrawRank(b *testing.B) {
	d := Draw{Secret: make([]byte, 32), Event: "show", Lane: LaneGeneral, Entrants: map[string]uint64{"home": 14_000_000}}
	for b.Loop() {
		d.Rank("home", 7_000_000)
	}
}
