package keyring

import (
	"encoding/base64"
	"net/netip"
	"slices"
)

const tagContext = "frontrow network v1\n"

// tagBytes is the length of a network's tag: enough for the networks of a sale to have
// different tags.
const tagBytes = 9

// NetTag stands for a network in the records of an event. It is a keyed hash: without
// the keyring nobody can tell the network from it, and for another event or under
// another signing key the same network has another tag.
func (k *Keyring) NetTag(event string, network netip.Prefix) string {
	if !network.IsValid() {
		return ""
	}
	sum := Signer(k.ring.Load().Secret, k.now()).mac(tagContext, tagMessage(event, network))
	return base64.RawURLEncoding.EncodeToString(sum[:tagBytes])
}

// IsNetTag reports whether a tag is a network's under any of the keys.
func (k *Keyring) IsNetTag(tag, event string, network netip.Prefix) bool {
	return tag != "" && network.IsValid() && slices.Contains(netTags(k.MACs(tagContext, tagMessage(event, network))), tag)
}

func tagMessage(event string, network netip.Prefix) []byte {
	return []byte(event + "\n" + network.Masked().String())
}

func netTags(sums [][]byte) []string {
	tags := make([]string, len(sums))
	for i, sum := range sums {
		tags[i] = base64.RawURLEncoding.EncodeToString(sum[:tagBytes])
	}
	return tags
}
