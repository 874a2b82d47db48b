package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// Bounds of reading a board from somebody else's server.
const (
	drawTimeout = 15 * time.Second
	maxBoard    = 64 << 10
)

// drawn is what "frontrow draw" says of a place.
type drawn struct {
	Event      string            `json:"event"`
	Lane       string            `json:"lane"`
	Commitment string            `json:"commitment"` // of the secret, computed
	Entrants   map[string]uint64 `json:"entrants"`   // places by region
	Region     string            `json:"region,omitempty"`
	Number     uint64            `json:"number,omitempty"`
	Rank       uint64            `json:"rank,omitempty"` // 0: the place came after the draw
	Called     bool              `json:"called"`
}

// drawCmd recomputes a lottery from the public board: whether the secret is the one
// committed to, and the rank of a place. It asks no server but for the board.
type drawCmd struct {
	URL        string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"URL of a gateway."`
	Board      string `placeholder:"FILE" help:"File with a saved board, instead of asking a gateway."`
	Commitment string `placeholder:"TEXT" help:"The commitment shown when the room opened; without it, the board's."`
	Lane       string `default:"${general}" placeholder:"LANE" help:"Lane of the place."`
	Region     string `default:"${home}" placeholder:"REGION" help:"Region of the place."`
	Number     uint64 `placeholder:"N" help:"Number of the place. Without it, only the draw is checked."`
	Event      string `arg:"" help:"Event id."`
}

func (d *drawCmd) Run(ctx context.Context, c terminal) error {
	if !wire.IsName(d.Event) {
		return usageError{fmt.Errorf("%q is not the id of an event", d.Event)}
	}
	b, err := readBoard(ctx, d.Board, d.URL, d.Event)
	if err != nil {
		return err
	}
	r, err := checkDraw(b, d.Lane, d.Region, d.Number, d.Commitment)
	if err != nil {
		return err
	}
	return c.report(r)
}

func checkDraw(b wire.Board, lane, region string, number uint64, commitment string) (drawn, error) {
	d, held := b.DrawOf(lane)
	switch {
	case b.Draw == nil:
		return drawn{}, fmt.Errorf("%s has no draw", b.Event)
	case !held:
		return drawn{}, fmt.Errorf("the draw of %s is not held yet; keep its commitment: %s", b.Event, b.Draw.Commitment)
	case !slices.Contains(wire.Lanes(), lane):
		return drawn{}, fmt.Errorf("there is no lane %q", lane)
	}
	r := drawn{Event: b.Event, Lane: lane, Commitment: wire.Commit(b.Event, d.Secret), Entrants: d.Entrants}
	if commitment == "" {
		commitment = b.Draw.Commitment
	}
	if r.Commitment != commitment {
		return drawn{}, fmt.Errorf("the secret's commitment is %s, not %s: this is not the draw that was committed to", r.Commitment, commitment)
	}
	if number == 0 {
		return r, nil
	}
	if _, ok := b.Lanes[lane].Regions[region]; !ok {
		return drawn{}, fmt.Errorf("there is no region %q", region)
	}
	r.Region, r.Number, r.Rank = region, number, d.Rank(region, number)
	_, r.Called, _ = b.Turn(lane, region, number)
	return r, nil
}

func readBoard(ctx context.Context, file, url, event string) (b wire.Board, err error) {
	var raw []byte
	if file != "" {
		raw, err = os.ReadFile(file)
	} else {
		raw, err = fetchBoard(ctx, strings.TrimSuffix(url, "/")+"/v1/events/"+event+"/board")
	}
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, fmt.Errorf("this is no board: %w", err)
	}
	if b.Event != event {
		return b, fmt.Errorf("this is the board of %q", b.Event)
	}
	return b, nil
}

func fetchBoard(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, drawTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBoard+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	case len(raw) > maxBoard:
		return nil, errors.New("this is no board: it is too large")
	}
	return raw, nil
}
