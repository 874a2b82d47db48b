package events

import (
	"testing"

	"frontrow/kv"
	"frontrow/wire"
)

// The newest price is the one that the bucket has, also once that was restored from a backup;
// what was before it is kept up to a bound.
func TestLevelPrices(t *testing.T) {
	t.Parallel()
	price := func(version int64) wire.Price { return wire.Price{Version: version} }
	l := &levelPrices{seen: []wire.Price{price(1)}, newest: 10, oldest: 10}
	l.set(price(1), 10) // again
	l.set(price(2), 11)
	if l.now().Version != 2 || len(l.seen) != 2 || l.oldest != 10 || l.whole {
		t.Errorf("%+v", l)
	}
	for v := int64(3); v < 3+mostPrices; v++ {
		l.set(price(v), kv.Revision(10+v))
	}
	if l.now().Version != 2+mostPrices || len(l.seen) != mostPrices || !l.whole {
		t.Errorf("%d prices, the newest %+v", len(l.seen), l.now())
	}
	l.set(price(7), 4) // an older backup
	if l.now().Version != 7 || len(l.seen) != 1 || l.oldest != 4 || l.whole {
		t.Errorf("%+v", l)
	}
}
