package promise

import (
	"maps"
	"testing"

	"frontrow/wire"

	"pgregory.net/rapid"
)

var names = []string{"a", "b", "c"}

// Whoever was shown anything of the prices, whenever, pays no more for a level than that; and
// if they saw no act half published, exactly that at most.
func TestMostIsWhatWasShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		levels := names[:rapid.IntRange(1, len(names)).Draw(t, "levels")]
		var spec []wire.Level
		for _, id := range levels {
			spec = append(spec, wire.Level{ID: id})
		}
		type view struct {
			priced int64
			prices map[string]wire.Price
			whole  bool
		}
		var past Past
		var views []view
		log, published := map[string]wire.LevelPrice{}, map[string]wire.Price{}
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			var changed []string
			for _, id := range levels {
				if first := len(log) < len(levels); first || rapid.Bool().Draw(t, "changes") {
					p := wire.Price{Amounts: wire.NewAmounts(rapid.Int64Range(1, 9).Draw(t, "total"), 0, 0), Version: log[id].Version + 1}
					log[id] = wire.LevelPrice{Price: p}
					changed = append(changed, id)
				}
			}
			past.Note(log)
			past.Note(maps.Clone(log)) // frozen, or read again
			if len(changed) == 0 {
				continue
			}
			for k, id := range rapid.Permutation(changed).Draw(t, "order") {
				published[id] = log[id].Price
				if len(published) == len(levels) {
					views = append(views, view{wire.PriceState(spec, published), maps.Clone(published), k == len(changed)-1})
				}
			}
		}
		for _, v := range views {
			for _, id := range levels {
				most, known := past.Most(id, v.priced)
				if shown := v.prices[id].Total; !known || most.Total > shown || v.whole && most != v.prices[id] {
					t.Fatalf("%s in %d: %+v was shown, and it is at most %+v (known: %t)", id, v.priced, v.prices[id], most, known)
				}
			}
		}
		first, _ := past.Most("a", 1)
		if again, known := past.Most("a", 2*int64(len(levels))); !known || first != again {
			t.Fatalf("before the first act %+v, after it %+v", first, again)
		}
		end := wire.PriceState(spec, published)
		if p, known := past.Most("a", end+1); known {
			t.Fatalf("beyond the log: %+v", p)
		}
		if p, known := past.Most("none", end); known {
			t.Fatalf("of no level: %+v", p)
		}
	})
}

// A number between two states promises the lower of them, level by level.
func TestBetween(t *testing.T) {
	t.Parallel()
	var past Past
	price := func(total, version int64) wire.LevelPrice {
		return wire.LevelPrice{Price: wire.Price{Amounts: wire.NewAmounts(total, 0, 0), Version: version}}
	}
	past.Note(map[string]wire.LevelPrice{"a": price(100, 1), "b": price(50, 1)})
	past.Note(map[string]wire.LevelPrice{"a": price(120, 2), "b": price(40, 2)})
	for priced, want := range map[int64][2]int64{4: {100, 50}, 5: {100, 40}, 6: {100, 40}, 7: {100, 40}, 8: {120, 40}} {
		a, _ := past.Most("a", priced)
		b, _ := past.Most("b", priced)
		if got := [2]int64{a.Total, b.Total}; got != want {
			t.Errorf("in %d: %v, want %v", priced, got, want)
		}
	}
	if _, known := (&Past{}).Most("a", 1); known {
		t.Error("known without any act")
	}
}
