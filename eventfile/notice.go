package eventfile

import (
	"reflect"
	"strings"
	"time"
)

// notice returns what fans will notice of a changed key, if anything. What becomes of a
// price is told with the sum.
func notice(key string, was, is reflect.Value) string {
	if strings.HasPrefix(key, "levels[") {
		key = "levels" + key[strings.LastIndexByte(key, '.'):]
	}
	if strings.HasPrefix(key, "pricing.rails[") {
		key = "rails" + key[strings.LastIndexByte(key, '.'):]
	}
	more, less := effect(key)
	if less == "" || rises(key, was, is) {
		return more
	}
	return less
}

// effect returns what a key does to fans when its value rises or comes to be true, and
// when it falls; the second is "" if that is the same.
func effect(key string) (more, less string) {
	switch key {
	case "name", "venue", "starts_at", "levels.name":
		return "pages show it", ""
	case "timezone":
		return "pages write all times in it", ""
	case "opens_at":
		return "the sale opens later", "the sale opens earlier"
	case "sale_ends_at":
		return "the sale ends later", "the sale ends earlier"
	case "limits.per_fan":
		return "who gets a pass from now on may buy more", "who gets a pass from now on may buy fewer"
	case "hold.ttl":
		return "seats held from now on are kept longer", "seats held from now on are kept for less time"
	case "hold.checkout":
		return "payments may take longer", "payments must be quicker"
	case "hold.more_time":
		return "who asks for more time gets more", "who asks for more time gets less"
	case "hold.keep":
		return "seats may be kept longer without buying", "seats may be kept for less time without buying"
	case "hold.orphans":
		return "other choices of seats are refused", ""
	case "admission.ceiling", "admission.rate_per_minute":
		return "the queue may move faster", "the queue may move slower"
	case "admission.pass_ttl":
		return "passes given from now on live longer", "passes given from now on live shorter"
	case "admission.window":
		return "who is called has more time to come", "who is called has less time to come"
	case "admission.room_opens_at":
		return "the waiting room opens later", "the waiting room opens earlier"
	case "admission.lottery":
		return "who comes before the opening is called in drawn order", "who comes before the opening is called in the order of arrival"
	case "admission.slow":
		return "suspects may wait in a lane of their own", "suspects must pass the challenge"
	case "tax.mode", "tax.rates":
		return "receipts show other taxes", ""
	case "concessions", "promotions":
		return "other reductions are offered; who holds seats pays what they were quoted", ""
	case "pricing.mode":
		return "prices move by other rules, or don't move", ""
	case "pricing.approvals":
		return "more operators must approve a change", "fewer operators must approve a change"
	case "pricing.every", "rails.cool_down":
		return "prices change less often", "prices change more often"
	case "pricing.curve", "pricing.comparable.curve":
		return "the sale is compared with another", ""
	case "rails.floor":
		return "the price may fall less", "the price may fall further"
	case "rails.ceiling":
		return "the price may rise further", "the price may rise less"
	case "rails.step":
		return "the price changes by more at a time", "the price changes by less at a time"
	case "rails.direction", "rails.round", "rails.tiers":
		return "the price moves in another way", ""
	case "rails.freeze":
		return "the price stays where it is", "the price moves again"
	case "pricing.spread":
		return "a worse level never costs more than a better one", "a worse level may cost more than a better one"
	case "pricing.least_apart":
		return "levels are further apart", "levels may be closer together"
	case "pricing.most_apart":
		return "levels may be further apart", "levels are closer together"
	case "pricing.promise":
		return "fans are promised other prices", ""
	case "pricing.quiet_before", "pricing.quiet_after":
		return "prices are quiet for longer around the opening", "prices are quiet for less time around the opening"
	}
	return "", ""
}

// rises reports whether a value becomes larger, later or true. No limit is more than any.
func rises(key string, was, is reflect.Value) bool {
	if endless := key == "sale_ends_at" || key == "admission.rate_per_minute" || key == "pricing.most_apart"; endless && (was.IsZero() || is.IsZero()) {
		return is.IsZero()
	}
	switch {
	case is.CanInt():
		return is.Int() > was.Int()
	case is.Kind() == reflect.Bool:
		return is.Bool()
	}
	after, ok := is.Interface().(time.Time)
	return ok && after.After(was.Interface().(time.Time))
}
