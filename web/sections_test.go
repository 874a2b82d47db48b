package web_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"frontrow/plan"
	"frontrow/wire"
)

// dividedLevels are the fake's, but for block 101 and the other blocks' gold.
func dividedLevels() []wire.Level {
	all := fakeLevels()
	front := all[0]
	front.ID, front.Name, front.Sections, front.Base = "front", "Front", []string{"101"}, 12500
	low := wire.Level{ID: "low", Name: "Low", Categories: []string{"silver", "bronze", "floor"}, Base: 3000}
	pit := wire.Level{ID: "pit", Name: "Pit", Categories: []string{"gold", "floor"}, Sections: []string{"floor", "103"}, Base: 5000}
	return []wire.Level{all[0], front, low, pit}
}

// The page has each place in the level that the writer has it in.
func TestLevelsInTheBrowser(t *testing.T) {
	t.Parallel()
	p := hall()
	index := plan.NewIndex(p)
	compact, err := plan.Compact(p, index)
	if err != nil {
		t.Fatal(err)
	}
	for _, levels := range [][]wire.Level{fakeLevels(), dividedLevels()} {
		spec := wire.Spec{ID: "x", Name: "X", Currency: "EUR", Levels: levels}.WithDefaults()
		if err := spec.Validate(&wire.Layout{Categories: p.CategoryNames(), Sections: p.SectionCategories()}); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(levels)
		if err != nil {
			t.Fatal(err)
		}
		got := inBrowser[[]int](t, "plan", fmt.Sprintf(`[...new plan.Plan(%s).levels(%s)]`, compact, raw))
		if len(got) != index.Len() {
			t.Fatalf("%d places, want %d", len(got), index.Len())
		}
		of, seen := spec.LevelIndex(), map[int]bool{}
		for i, level := range got {
			ref := index.Seat(i)
			if want, ok := of.Of(ref.Category, ref.SectionID); !ok || level != want {
				t.Errorf("%s: the page has it in level %d, the writer in %d", ref.ID, level, want)
			}
			seen[level] = true
		}
		if len(seen) != len(levels) {
			t.Errorf("places in %d of %d levels", len(seen), len(levels))
		}
	}
}

// Seats of one category have the prices of their sections, on the map and in the list, and so
// has the best that can be had of a section.
func TestPricesBySection(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, true)
	var levels []map[string]any
	for _, l := range dividedLevels() {
		level := map[string]any{"id": l.ID, "name": l.Name, "categories": l.Categories, "price": wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee)}
		if l.Sections != nil {
			level["sections"] = l.Sections
		}
		levels = append(levels, level)
	}
	f.spec = map[string]any{"levels": levels}
	b := newTab(t, newBrowser(t), "sections", 390, 844, false)
	b.seats(f, url)
	b.wait("a painted map", painted)
	const chosen = `document.querySelectorAll("#basket [data-chosen]").length === 1`
	b.tapMap(0.24, 0.3) // block 101
	for y := 0.4; y < 0.6 && !b.holds(chosen); y += 0.02 {
		b.tapMap(0.5, y)
	}
	b.wait("a seat of block 101 at its price", chosen+` && (([, row, price]) => price === (row < "F" ? "€137.50" : "€30.00"))(/Block 101, Row (.), Seat \d+.*?(€[\d.]+)/.exec(document.querySelector("#basket [data-chosen]").textContent))`)
	b.click("#list-toggle")
	for section, price := range map[string]string{"101": "€137.50", "102": "€97.50"} {
		b.click(fmt.Sprintf(`[data-section="%s"]`, section))
		b.click(`[data-row="A"]`)
		b.wait("the price in "+section, fmt.Sprintf(`document.querySelector('[data-seat="%s-A-1"]').getAttribute("aria-label").includes("%s including fees")`, section, price))
		b.click("#list-back")
		b.click("#list-back")
	}
	b.wait("the area's price", `area.textContent.includes("€50.00")`, "area")
	b.holds(`(document.querySelector("#best-section").value = "101", document.querySelector("#best-count").value = "1", document.querySelector("#best-form").dispatchEvent(new Event("change")), true)`)
	b.wait("the best of 101", `best.textContent === "Hold the best seat · €30.00 to €137.50"`, "best")
	b.holds(`(document.querySelector("#best-level").value = "gold", document.querySelector("#best-section").value = "102", document.querySelector("#best-form").dispatchEvent(new Event("change")), true)`)
	b.wait("the best gold of 102", `best.textContent === "Hold the best seat · €97.50"`, "best")
}
