package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// failure is one failing check as /readyz shows it.
type failure struct {
	Check string `json:"check"`
	Error string `json:"error"`
}

var errDraining = errors.New("the process is going away")

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	state := struct {
		Ready   bool      `json:"ready"`
		Failing []failure `json:"failing"`
	}{Failing: []failure{}}
	if s.draining.Load() {
		state.Failing = append(state.Failing, failure{"drain", errDraining.Error()})
	}
	state.Failing = append(state.Failing, probe(r.Context(), s.config.Checks)...)
	status := http.StatusServiceUnavailable
	if len(state.Failing) == 0 {
		state.Ready, status = true, http.StatusOK
	}
	reply(w, status, state)
}

// probe runs all checks at once and returns the failing ones in their order.
func probe(ctx context.Context, checks []Check) (failing []failure) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	results := make([]chan error, len(checks))
	for i, check := range checks {
		results[i] = make(chan error, 1) // a late probe must not block
		go func() { results[i] <- check.Probe(ctx) }()
	}
	for i, check := range checks {
		var err error
		select {
		case err = <-results[i]:
		case <-ctx.Done():
			err = fmt.Errorf("no answer: %w", ctx.Err())
		}
		if err != nil {
			failing = append(failing, failure{check.Name, err.Error()})
		}
	}
	return failing
}
