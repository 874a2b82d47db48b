package stripe

import (
	"fmt"

	"frontrow/inventory/payment"
	"frontrow/wire"
)

// maxAmount is the most that Stripe takes at once, in its own units: eight digits.
const maxAmount = 99_999_999

// units returns an amount of ISO 4217 minor units in Stripe's. The error wraps
// payment.ErrPermanent if Stripe doesn't take such an amount; nothing is rounded.
//
// Stripe's units are ISO's, except: ISK and UGX have two decimals there, which must be
// zero; MGA has none; of BHD, JOD, KWD, OMR and TND the third decimal must be zero.
func units(amount int64, currency string) (int64, error) {
	refuse := func(why string) (int64, error) {
		return 0, fmt.Errorf("%w: %d %s: %s", payment.ErrPermanent, amount, currency, why)
	}
	if !wire.IsCurrency(currency) || amount <= 0 || amount > maxAmount {
		return refuse("no amount that Stripe takes")
	}
	switch currency {
	case "ISK", "UGX":
		amount *= 100
	case "MGA":
		if amount%100 != 0 {
			return refuse("Stripe knows no parts of an ariary")
		}
		amount /= 100
	case "BHD", "JOD", "KWD", "OMR", "TND":
		if amount%10 != 0 {
			return refuse("Stripe wants the third decimal to be 0")
		}
	case "IQD", "LYD":
		return refuse("Stripe doesn't take this currency")
	}
	if amount > maxAmount {
		return refuse("more than Stripe takes at once")
	}
	return amount, nil
}

// minor returns an amount of Stripe's units in ISO 4217 minor units. What units can't
// have made becomes -1, which agrees with nothing.
func minor(amount int64, currency string) int64 {
	switch currency {
	case "ISK", "UGX":
		if amount%100 != 0 {
			return -1
		}
		return amount / 100
	case "MGA":
		return amount * 100
	}
	return amount
}
