package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Bounds of a day's sample.
const (
	sampleSize  = 8
	sampleLimit = 3 * time.Minute // a machine that is slower plays fewer
)

// quick are the packages whose tests need no servers, and so take seconds.
func quick() []string {
	return []string{"inventory/seating", "inventory/payment", "inventory/payment/sandbox", "inventory/audit", "admission/pacing", "admission/passes", "admission/queue",
		"wire", "keyring", "gateway/client", "gateway/visitor", "gateway/visitor/proof", "gateway/abuse/limit", "gateway/abuse/challenge/altcha", "gateway/abuse/challenge/siteverify"}
}

// sample is the quick mutants of a day, the same all over the world for as long as
// the list stays as it is.
func sample(day time.Time) (chosen []mutant) {
	for _, m := range list {
		if slices.Contains(quick(), m.pkg) {
			chosen = append(chosen, m)
		}
	}
	day = day.UTC()
	rng := rand.New(rand.NewPCG(uint64(day.Year()), uint64(day.YearDay())))
	rng.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen[:min(sampleSize, len(chosen))]
}
