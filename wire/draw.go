package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Draw ranks the places of a lane that were there when the sale opened. The
// ranks are a permutation of the places under a key that nobody can know before
// the opening, and that everybody can compute after it:
//
//	room opens   commitment = SHA-256(context, event, secret) is on the board
//	sale opens   the secret and how many places each region has are on the board
//	from then    key = HMAC-SHA-256(secret, event, lane, counts); rank = permute(key, place)
//
// So anyone who knows the secret beforehand is bound to it, nothing is drawn, shuffled
// or stored for anybody, and a fan needs only the board and their own number to check
// their rank. The permutation is a Feistel network over the next power
// of four, walked until it falls among the places (Black and Rogaway, "Ciphers
// with arbitrary finite domains", 2002), with SHA-256 as its round function.
type Draw struct {
	Secret   []byte
	Event    string
	Lane     string
	Entrants map[string]uint64 // places by region
}

const (
	commitContext = "frontrow draw commitment v1\n"
	keyContext    = "frontrow draw key v1\n"
	drawRounds    = 10
)

// Commit is what is published of a secret before it is revealed.
func Commit(event string, secret []byte) string {
	sum := sha256.Sum256(slices.Concat([]byte(commitContext+event+"\n"), secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Total is the number of places that take part.
func (d Draw) Total() (n uint64) {
	for _, k := range d.Entrants {
		n += k
	}
	return n
}

// Rank of a place, from 1; 0 when it takes no part, because it came later.
func (d Draw) Rank(region string, number uint64) uint64 {
	if number == 0 || number > d.Entrants[region] {
		return 0
	}
	return 1 + d.permute(d.offset(region)+number-1, false)
}

// Place is the inverse of Rank; the number is 0 for a rank that nobody has.
func (d Draw) Place(rank uint64) (region string, number uint64) {
	if rank == 0 || rank > d.Total() {
		return "", 0
	}
	at := d.permute(rank-1, true)
	for _, region := range d.regions() {
		if n := d.Entrants[region]; at < n {
			return region, at + 1
		} else {
			at -= n
		}
	}
	return "", 0
}

func (d Draw) regions() []string { return slices.Sorted(maps.Keys(d.Entrants)) }

// offset is the number of places in the regions before, by name.
func (d Draw) offset(region string) (n uint64) {
	for _, r := range d.regions() {
		if r < region {
			n += d.Entrants[r]
		}
	}
	return n
}

func (d Draw) key() []byte {
	h := hmac.New(sha256.New, d.Secret)
	h.Write([]byte(keyContext + d.Event + "\n" + d.Lane + "\n"))
	var counts []string
	for _, r := range d.regions() {
		counts = append(counts, r+"="+strconv.FormatUint(d.Entrants[r], 10))
	}
	h.Write([]byte(strings.Join(counts, ",")))
	return h.Sum(nil)
}

// permute maps 0 to Total()-1 onto itself, back with inverse.
func (d Draw) permute(v uint64, inverse bool) uint64 {
	n, key := d.Total(), d.key()
	half := max(1, (bits.Len64(n-1)+1)/2) // bits of each side
	for {
		if v = feistel(key, v, half, inverse); v < n {
			return v
		}
	}
}

func feistel(key []byte, v uint64, half int, inverse bool) uint64 {
	mask := uint64(1)<<half - 1
	left, right := v>>half, v&mask
	block := make([]byte, len(key)+9)
	copy(block, key)
	round := func(i int, side uint64) uint64 {
		block[len(key)] = byte(i)
		binary.BigEndian.PutUint64(block[len(key)+1:], side)
		sum := sha256.Sum256(block)
		return binary.BigEndian.Uint64(sum[:]) & mask
	}
	for i := range drawRounds {
		if inverse {
			left, right = right^round(drawRounds-1-i, left), left
		} else {
			left, right = right, left^round(i, right)
		}
	}
	return left<<half | right
}
