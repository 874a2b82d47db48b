package main

// money are the mutants of taxes, concessions and codes.
var money = []mutant{
	{"a code is good once more than its limit", "inventory/seating", "TestUsesOfAPromotion", []edit{
		{"inventory/seating/reductions.go", "e.uses[use{promotion: true, id: id}] >= p.Limit", "e.uses[use{promotion: true, id: id}] > p.Limit"}}},
	{"one fan has all uses of a code", "inventory/seating", "TestUsesOfAPromotion", []edit{
		{"inventory/seating/reductions.go", "e.uses[use{promotion: true, id: id, fan: h.fan}] >= p.PerFan", "e.uses[use{promotion: true, id: id, fan: h.fan}] > p.PerFan"}}},
	{"a use is lost with its hold", "inventory/seating", "TestUsesOfAPromotion", []edit{
		{"inventory/seating/decide.go", "\te.uses.add(h.fan, h.quotes, -1)\n", ""}}},
	{"a code used twice for one hold counts twice", "inventory/seating", "TestUsesOfAPromotion", []edit{
		{"inventory/seating/reductions.go", "\te.uses.add(h.fan, h.quotes, -1) // its own don't count against it\n", ""}}},
	{"who takes over forgets what was used", "inventory/seating", "TestRestoreIsTheSameEngine", []edit{
		{"inventory/seating/engine.go", "\te.uses.add(h.fan, h.quotes, +1)\n\te.tally(h.fan, 1)", "\te.tally(h.fan, 1)"}}},
	{"a code is used beyond its limit once another writer takes over", "proof/sim", "TestPurchases", []edit{
		{"inventory/seating/engine.go", "\te.uses.add(h.fan, h.quotes, +1)\n\te.tally(h.fan, 1)", "\te.tally(h.fan, 1)"}}},
	{"a fan has more children than the limit", "inventory/seating", "TestUsesOfAConcession", []edit{
		{"inventory/seating/reductions.go", "n+e.uses[use{id: c.ID, fan: fan}] > c.PerFan", "n > c.PerFan"}}},
	{"a companion comes alone", "inventory/seating", "TestReductions$", []edit{
		{"inventory/seating/reductions.go", "c.NeedsFull && companions > full", "c.NeedsFull && companions > full+1"}}},
	{"reductions change during the payment", "inventory/seating", "TestReductionsAreOfAStandingHold", []edit{
		{"inventory/seating/reductions.go", "if p := e.unpayable(h, now); p != nil {", "if p := e.unpayable(h, now); p != nil && p.Order == \"\" {"}}},
	{"a code takes off the list price", "inventory/seating", "TestReductions$", []edit{
		{"inventory/seating/reductions.go", "prices[k] = q.Price.Total\n\t\t\ttotal += q.Price.Total", "prices[k] = q.ListTotal()\n\t\t\ttotal += q.ListTotal()"}}},
	{"shares don't come to the whole", "wire", "TestApportion", []edit{
		{"wire/tax.go", "\t\tparts[most]++\n", ""}}},
	{"taxes are rounded down", "wire", "TestOpeningWithTaxes", []edit{
		{"wire/tax.go", "uint64(all)/2, 0)", "0, 0)"}}},
	{"a moved price keeps its tax", "wire", "TestAtAddsUp", []edit{
		{"wire/tax.go", "a := Amounts{Total: total, Tax: p.within(total)}", "a := Amounts{Total: total, Tax: p.Tax}"}}},
	{"the ledger forgets the taxes", "inventory/ledger", "TestReductionsAreKeptAndReturned", []edit{
		{"inventory/ledger/begin.go", "append(c.tax, q.Price.Tax)", "append(c.tax, 0)"}}},
	{"a code is good for every event", "gateway", "TestCodesOfPromotionsAreSecretAndNotGuessed", []edit{
		{"keyring/promotion.go", "[]byte(event+\"\\n\"+code)", "[]byte(code)"}}},
	{"codes are guessed without end", "gateway", "TestCodesOfPromotionsAreSecretAndNotGuessed", []edit{
		{"gateway/reductions.go", "\t\tg.defences.TriedCode(r.visitor)\n", ""}}},
}
