package keyring

import "frontrow/wire"

const receiptContext = "frontrow receipt v1\n"

// SignReceipt renders the receipt of a place, which outlives the tab, the socket and
// the gateway.
func (k *Keyring) SignReceipt(p wire.Place) string {
	return k.seal(receiptContext, p.AppendJSON(make([]byte, 0, 256)))
}

// VerifyReceipt returns the place that a receipt stands for, or ErrToken.
func (k *Keyring) VerifyReceipt(receipt string) (wire.Place, error) {
	raw, _, ok := k.open(receiptContext, receipt)
	if !ok {
		return wire.Place{}, ErrToken
	}
	var p wire.Place
	if err := wire.Unmarshal(raw, &p); err != nil {
		return wire.Place{}, ErrToken
	}
	return p, nil
}
