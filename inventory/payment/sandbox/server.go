package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
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
	maxSilence   = time.Minute // longest that tok_timeout keeps a connection
	flakyAnswers = 2
	stopTimeout  = 5 * time.Second
	readTimeout  = 10 * time.Second
)

// Config configures a Server.
type Config struct {
	Dir     string        // holds the journal; required
	Addr    string        // default 127.0.0.1:0, which is any free port
	Public  string        // base URL under which a fan's browser reaches it; default URL()
	Slow    time.Duration // of tok_slow; default 8 s
	Late    time.Duration // of tok_delayed and of late webhooks; default 20 s
	Webhook string        // URL that receives webhooks; empty for none, see SendTo
	Secret  []byte        // signs the webhooks
	Logger  *slog.Logger  // nil discards
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.Dir == "" || c.Slow < 0 || c.Late < 0 {
		return errors.New("sandbox: Dir must be given, Slow and Late not negative")
	}
	return nil
}

// Server is the provider. It is an http.Handler, and serves on its own listener
// while Run runs.
type Server struct {
	http.Handler
	cfg      Config
	book     *book
	listener net.Listener
	hooks    *hooks
	page     *template.Template
	life     context.Context // ends when Run does
	end      context.CancelFunc

	mu    sync.Mutex
	asked map[string]int // requests for a method that answers badly, by key
	down  time.Time      // until when every answer is 500
}

// New returns a server that listens and has replayed its journal. Requests wait
// for Run.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Addr, c.Slow, c.Late = cmp.Or(c.Addr, "127.0.0.1:0"), cmp.Or(c.Slow, 8*time.Second), cmp.Or(c.Late, 20*time.Second)
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
	s := &Server{cfg: c, book: b, listener: l, hooks: newHooks(c),
		page: template.Must(template.New("challenge").Parse(challengePage)), asked: map[string]int{}}
	s.cfg.Public = cmp.Or(c.Public, s.URL())
	s.life, s.end = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/authorizations", s.authorize)
	mux.HandleFunc("POST /v1/authorizations/{ref}/capture", s.step(payment.Captured))
	mux.HandleFunc("POST /v1/authorizations/{ref}/void", s.step(payment.Voided))
	mux.HandleFunc("POST /v1/authorizations/{ref}/refunds", s.refund)
	mux.HandleFunc("GET /v1/orders/{order}", s.order)
	mux.HandleFunc("GET /v1/totals", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, b.totals()) })
	mux.HandleFunc("/challenge/{ref}", s.challenge)
	s.Handler = s.unlessDown(mux)
	return s, nil
}

// URL returns the provider's base URL.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// SendTo sets the URL that webhooks are sent to from now on.
func (s *Server) SendTo(url string) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.url = url
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.book.file.Close()
	defer s.hooks.http.CloseIdleConnections()
	defer s.hooks.busy.Wait()
	defer s.end()
	hs := &http.Server{Handler: s, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout,
		ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn)}
	journal, stopJournal := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	g.Go(func() error { return s.book.journal.Run(journal) })
	g.Go(func() error {
		defer stopJournal()
		<-ctx.Done()
		s.end()
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
	_, _ = io.Copy(io.Discard, r.Body) // the server notices that a client left only after the body is read
	switch kind(req.Method) {
	case tokFlaky:
		if s.asks(key) <= flakyAnswers {
			refuse(w, http.StatusInternalServerError, "something went wrong")
			return
		}
	case tokSlow:
		if !s.wait(r, s.cfg.Slow) {
			return
		}
	case tokDelayed:
		if _, known := s.book.order(req.Order); !known {
			if s.asks(key) == 1 {
				s.delayed(key, req)
			}
			s.wait(r, maxSilence)
			panic(http.ErrAbortHandler)
		}
	}
	// The payment stands even if its client is gone.
	e, fresh, err := s.book.authorize(context.WithoutCancel(r.Context()), key, req)
	if err == nil && fresh {
		s.hooks.tell(s.life, e)
	}
	if err == nil && kind(req.Method) == tokTimeout && s.asks(key) == 1 {
		s.wait(r, maxSilence)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	s.reply(w, http.StatusCreated, e, err)
}

func (s *Server) step(to payment.State) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if e, ok := s.book.reference(r.PathValue("ref")); ok && to == payment.Captured && kind(e.Method) == tokNoCapture {
			refuse(w, http.StatusConflict, "the card's account was closed")
			return
		}
		e, fresh, err := s.book.step(context.WithoutCancel(r.Context()), r.PathValue("ref"), to, "")
		if err == nil && fresh {
			s.hooks.tell(s.life, e)
		}
		s.reply(w, http.StatusOK, e, err)
	}
}

func (s *Server) refund(w http.ResponseWriter, r *http.Request) {
	var req payment.RefundRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req)
	if err != nil || req.Amount <= 0 || req.Key == "" || req.Key != r.Header.Get("Idempotency-Key") || req.Reference != r.PathValue("ref") {
		refuse(w, http.StatusBadRequest, "order, reference, key and amount are needed")
		return
	}
	e, fresh, err := s.book.refund(context.WithoutCancel(r.Context()), req)
	if err == nil && fresh {
		s.hooks.tell(s.life, e)
	}
	s.reply(w, http.StatusOK, e, err)
}

// outage is the body of PUT /v1/outage.
type outage struct {
	For string `json:"for"`
}

// unlessDown answers everything but PUT /v1/outage with 500 while an outage lasts.
func (s *Server) unlessDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/v1/outage" {
			s.fail(w, r)
			return
		}
		s.mu.Lock()
		down := time.Now().Before(s.down)
		s.mu.Unlock()
		if down {
			refuse(w, http.StatusInternalServerError, "an outage, as asked for")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request) {
	var o outage
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&o)
	d, err2 := time.ParseDuration(o.For)
	if err != nil || err2 != nil {
		refuse(w, http.StatusBadRequest, "for is needed: 10s")
		return
	}
	s.mu.Lock()
	s.down = time.Now().Add(d)
	s.mu.Unlock()
	answer(w, http.StatusOK, struct{}{})
}

func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	e, ok := s.book.order(r.PathValue("order"))
	if !ok {
		s.reply(w, 0, e, errUnknown)
		return
	}
	// It must not be seen before it is on disk.
	s.reply(w, http.StatusOK, e, s.book.record(context.WithoutCancel(r.Context()), e))
}

// asks counts the requests for a key.
func (s *Server) asks(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[key]++
	return s.asked[key]
}

// wait waits for d and reports whether the client and the server are still there.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
	case <-s.life.Done():
	}
	return false
}

// Methods that do more than get authorised.
const (
	tokDecline = "tok_decline"
	tok3DS     = "tok_3ds"
	tokSlow    = "tok_slow"
	tokTimeout = "tok_timeout"
	tokFlaky   = "tok_flaky"
	tokDelayed = "tok_delayed"

	tokNoCapture = "tok_nocapture"
)

// refusal returns why a method is declined, or "" if it is not.
func refusal(method string) string {
	switch kind(method) {
	case "ok", "tok_visa", tok3DS, tokSlow, tokTimeout, tokFlaky, tokDelayed, tokNoCapture:
		return ""
	case tokDecline:
		return "The card was declined."
	}
	return "The payment method is unknown."
}

// shown returns a payment as its merchant sees it.
func (s *Server) shown(e entry) payment.Auth {
	a := e.Auth
	if a.State == payment.RequiresAction {
		a.Action = s.challengeURL(e)
	}
	return a
}

func (s *Server) reply(w http.ResponseWriter, status int, e entry, err error) {
	switch {
	case errors.Is(err, errUnknown):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, errKeyReused), errors.Is(err, errState):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "not recorded")
	default:
		answer(w, status, s.shown(e))
	}
}

func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, map[string]string{"error": detail})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have left
}
