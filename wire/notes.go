package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Notes is what a fan must know of a seat before they buy it, as a set. In JSON it
// is a list of words: "restricted_view", "accessible", "companion".
type Notes uint8

// What a note says.
const (
	RestrictedView Notes = 1 << iota // something stands in the way
	AccessibleSeat                   // room for a wheelchair
	CompanionSeat                    // beside an accessible seat, sold with it
)

func noteWords() [3]string { return [...]string{"restricted_view", "accessible", "companion"} }

// NotesOf is the notes of a seat.
func NotesOf(restricted, accessible, companion bool) (n Notes) {
	for i, holds := range [...]bool{restricted, accessible, companion} {
		if holds {
			n |= 1 << i
		}
	}
	return n
}

// Words lists the notes.
func (n Notes) Words() []string {
	words := []string{}
	for i, word := range noteWords() {
		if n&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return words
}

// MarshalJSON writes the words.
func (n Notes) MarshalJSON() ([]byte, error) { return json.Marshal(n.Words()) }

// UnmarshalJSON reads the words.
func (n *Notes) UnmarshalJSON(raw []byte) error {
	var words []string
	if err := json.Unmarshal(raw, &words); err != nil {
		return err
	}
	*n = 0
	if unknown, ok := n.add(words); !ok {
		return fmt.Errorf("note %.30q is not one of %v", unknown, noteWords())
	}
	return nil
}

// add adds what words say, up to the first that is unknown.
func (n *Notes) add(words []string) (unknown string, ok bool) {
words:
	for _, w := range words {
		for i, word := range noteWords() {
			if w == word {
				*n |= 1 << i
				continue words
			}
		}
		return w, false
	}
	return "", true
}

// Reading is the notes for people: "Wheelchair place, restricted view".
func (n Notes) Reading() string {
	s := ""
	for i, words := range [...]string{"restricted view", "wheelchair place", "companion seat"} {
		switch {
		case n&(1<<i) == 0:
		case s == "":
			s = strings.ToUpper(words[:1]) + words[1:]
		default:
			s += ", " + words
		}
	}
	return s
}
