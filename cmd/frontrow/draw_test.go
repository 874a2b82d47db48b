package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"frontrow/wire"
)

func TestCheckDraw(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	b := wire.Board{Event: "show", Draw: &wire.DrawBoard{Commitment: wire.Commit("show", secret)},
		Lanes: map[string]wire.LaneBoard{wire.LaneGeneral: {Called: 3, Regions: map[string]wire.Head{"home": {Head: 10, Joined: 12, Drawn: 10}, "eu": {Head: 4, Joined: 4, Drawn: 4}}}}}
	for name, c := range map[string]struct {
		change func(*wire.Board)
		lane   string
		region string
		number uint64
		given  string
		want   string // in the error
		rank   uint64
		called bool
	}{
		"not held":            {want: "not held yet"},
		"none":                {change: func(b *wire.Board) { b.Draw = nil }, want: "no draw"},
		"called":              {change: reveal(secret), region: "eu", number: 1, rank: 1, called: true},
		"not called":          {change: reveal(secret), region: "home", number: 2, rank: 7},
		"late":                {change: reveal(secret), region: "home", number: 11},
		"no place":            {change: reveal(secret), given: wire.Commit("show", secret)},
		"no such region":      {change: reveal(secret), region: "mars", number: 1, want: "no region"},
		"no such lane":        {change: reveal(secret), lane: "vip", want: "no lane"},
		"another secret":      {change: reveal([]byte("another, put in after the opening")), region: "home", number: 1, want: "not the draw that was committed to"},
		"board exchanged":     {change: reveal(secret), given: wire.Commit("show", []byte("x")), want: "not the draw that was committed to"},
		"secret is no base64": {change: func(b *wire.Board) { b.Draw.Secret = "§" }, want: "not held yet"},
	} {
		t.Run(name, func(t *testing.T) {
			board := b
			draw := *b.Draw
			board.Draw = &draw
			if c.change != nil {
				c.change(&board)
			}
			lane := c.lane
			if lane == "" {
				lane = wire.LaneGeneral
			}
			r, err := checkDraw(board, lane, c.region, c.number, c.given)
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%v, want %q", err, c.want)
				}
			case err != nil:
				t.Fatal(err)
			case r.Rank != c.rank || r.Called != c.called:
				t.Errorf("%+v", r)
			}
		})
	}
}

func reveal(secret []byte) func(*wire.Board) {
	return func(b *wire.Board) { b.Draw.Secret = base64.RawURLEncoding.EncodeToString(secret) }
}
