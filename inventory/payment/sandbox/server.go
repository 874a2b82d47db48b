package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"frontrow/inventory/payment"

	"golang.org/x/sync/errgroup"
)

// Bounds of the sandbox.
const (
	maxBody      = 4 << 10
	maxSilence   = time.Minute // tok_timeout keeps a connection no longer
	flakyAnswers = 2
	stopTimeout  = 5 * time.Second
	readTimeout  = 10 * time.Second
)

// Config of a sandbox.
type Config struct {
	Dir    string        // holds the journal; required
	Addr   string        // default 127.0.0.1:0, which is any free port
	Slow   time.Duration // of tok_slow; default 8 s
	Logger *slog.Logger  // nil discards
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.Dir == "" || c.Slow < 0 {
		return errors.New("sandbox: Dir must be given, Slow not negative")
	}
	return nil
}

// Server is the provider. It is an http.Handler, and serves on its own
// listener while Run runs.
type Server struct {
	http.Handler
	cfg      Config
	book     *book
	listener net.Listener

	mu     sync.Mutex
	asked  map[string]int // answers owed to tok_timeout and tok_flaky by key
	stopAt chan struct{}  // closed when Run ends
}

// New listens and replays the journal. Requests wait for Run.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Addr, c.Slow = cmp.Or(c.Addr, "127.0.0.1:0"), cmp.Or(c.Slow, 8*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b, err := openBook(filepath.Join(c.Dir, "payments.jsonl"))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), b.file.Close())
	}
	s := &Server{cfg: c, book: b, listener: l, asked: map[string]int{}, stopAt: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/authorizations", s.authorize)
	mux.HandleFunc("POST /v1/authorizations/{ref}/capture", s.step(payment.Captured))
	mux.HandleFunc("POST /v1/authorizations/{ref}/void", s.step(payment.Voided))
	mux.HandleFunc("GET /v1/orders/{order}", s.order)
	mux.HandleFunc("GET /v1/totals", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, b.totals()) })
	s.Handler = mux
	return s, nil
}

// URL is where the provider is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.book.file.Close()
	hs := &http.Server{Handler: s, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout,
		ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn)}
	journal, stopJournal := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	g.Go(func() error { return s.book.journal.Run(journal) })
	g.Go(func() error {
		defer stopJournal()
		<-ctx.Done()
		close(s.stopAt)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if hs.Shutdown(ctx) != nil {
			hs.Close()
		}
		return nil
	})
	if err := hs.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		stopJournal()
		return fmt.Errorf("sandbox: %w", err)
	}
	return g.Wait()
}

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	var req payment.AuthRequest
	key := r.Header.Get("Idempotency-Key")
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req)
	if err != nil || key == "" || req.Order == "" || req.Amount < 0 || len(req.Currency) != 3 {
		refuse(w, http.StatusBadRequest, "order, amount, currency, method and an Idempotency-Key are needed")
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // the server notices a client's leaving only past the body
	if req.Method == "tok_flaky" && s.owed(key, flakyAnswers) {
		refuse(w, http.StatusInternalServerError, "something went wrong")
		return
	}
	if req.Method == "tok_slow" && !s.wait(r, s.cfg.Slow) {
		return
	}
	// The payment stands even if its client is gone.
	e, err := s.book.authorize(context.WithoutCancel(r.Context()), key, req)
	if err == nil && req.Method == "tok_timeout" && s.owed(key, 1) {
		s.wait(r, maxSilence)
		panic(http.ErrAbortHandler) // no answer, only the end of the connection
	}
	reply(w, http.StatusCreated, e, err)
}

func (s *Server) step(to payment.State) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e, err := s.book.step(context.WithoutCancel(r.Context()), r.PathValue("ref"), to)
		reply(w, http.StatusOK, e, err)
	}
}

func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	e, ok := s.book.order(r.PathValue("order"))
	if !ok {
		reply(w, 0, e, errUnknown)
		return
	}
	// It must not be seen before it is on disk.
	reply(w, http.StatusOK, e, s.book.record(context.WithoutCancel(r.Context()), e))
}

// owed tells whether fewer than n answers of the bad kind were given.
func (s *Server) owed(key string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[key]++
	return s.asked[key] <= n
}

// wait is false if the client left or the server stops meanwhile.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
	case <-s.stopAt:
	}
	return false
}

// refusal is why a method is declined, empty if it is not.
func refusal(method string) string {
	switch method {
	case "ok", "tok_visa", "tok_slow", "tok_timeout", "tok_flaky":
		return ""
	case "tok_decline":
		return "The card was declined."
	}
	return "The payment method is unknown."
}

func reply(w http.ResponseWriter, status int, e entry, err error) {
	switch {
	case errors.Is(err, errUnknown):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, errKeyReused), errors.Is(err, errState):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "not recorded")
	default:
		answer(w, status, e.Auth)
	}
}

func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, map[string]string{"error": detail})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left has nothing to be told
}
