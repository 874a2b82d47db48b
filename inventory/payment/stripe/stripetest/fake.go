// Package stripetest is a fake of Stripe's API for tests, which keeps state as its
// documents describe it: intents, captures, refunds, and idempotency keys that replay
// failures, too. It plays the fan on the payment page, and the world that fails.
package stripetest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Object is an object of the API.
type Object = map[string]any

// Fake is the API.
type Fake struct {
	http.Handler
	mu      sync.Mutex
	intents map[string]Object
	refunds []Object
	taken   map[string][]int64 // captures, by intent
	keys    map[string]*kept
	asked   map[string]int // requests with that key
	broken  []int          // statuses of the next changes
	hidden  bool           // searches find nothing
}

// kept is what was answered under a key.
type kept struct {
	request string
	status  int // 0 while it is under way
	body    []byte
}

// New returns an account in test mode that nobody has paid to.
func New() *Fake {
	f := &Fake{intents: map[string]Object{}, taken: map[string][]int64{}, keys: map[string]*kept{}, asked: map[string]int{}}
	mux := http.NewServeMux()
	handle := func(pattern string, do func(r *http.Request) (int, Object)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, do) })
	}
	handle("POST /v1/payment_intents", f.create)
	handle("GET /v1/payment_intents/search", f.search)
	handle("GET /v1/payment_intents/{id}", func(r *http.Request) (int, Object) {
		return f.intent(r, func(i Object) (int, Object) { return http.StatusOK, i })
	})
	handle("POST /v1/payment_intents/{id}/capture", f.capture)
	handle("POST /v1/payment_intents/{id}/cancel", f.cancel)
	handle("POST /v1/refunds", f.refund)
	handle("GET /v1/refunds", func(r *http.Request) (int, Object) {
		list := []Object{}
		for _, one := range f.refunds {
			if one["payment_intent"] == r.FormValue("payment_intent") {
				list = append(list, one)
			}
		}
		return http.StatusOK, Object{"object": "list", "data": list, "has_more": false}
	})
	handle("GET /v1/balance", func(*http.Request) (int, Object) {
		return http.StatusOK, Object{"object": "balance", "livemode": false}
	})
	f.Handler = mux
	return f
}

func failure(status int, kind, code string, more Object) (int, Object) {
	e := Object{"type": kind, "code": code, "message": "as the test wants it"}
	maps.Copy(e, more)
	return status, Object{"error": e}
}

// answer answers a request, under its key if it has one.
func (f *Fake) answer(w http.ResponseWriter, r *http.Request, do func(*http.Request) (int, Object)) {
	_ = r.ParseForm()
	send := func(status int, body []byte) {
		w.Header().Set("Request-Id", "req_1")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.Header.Get("Idempotency-Key")
	request := r.Method + r.URL.Path + r.Form.Encode()
	if r.Method == http.MethodPost {
		f.asked[id]++
		if old := f.keys[id]; old != nil && old.request != request {
			status, body := failure(http.StatusBadRequest, "idempotency_error", "", nil)
			send(status, encode(body))
			return
		} else if old != nil {
			w.Header().Set("Idempotent-Replayed", "true")
			send(old.status, old.body)
			return
		}
		if len(f.broken) > 0 {
			status := f.broken[0]
			f.broken = f.broken[1:]
			code := map[int]string{http.StatusConflict: "idempotency_key_in_use", http.StatusTooManyRequests: "rate_limit"}[status]
			_, body := failure(status, "api_error", code, nil)
			if status >= 500 || status == http.StatusPaymentRequired {
				f.keys[id] = &kept{request, status, encode(body)}
			}
			send(status, encode(body))
			return
		}
	}
	status, body := do(r)
	raw := encode(body)
	if r.Method == http.MethodPost {
		f.keys[id] = &kept{request, status, raw}
	}
	send(status, raw)
}

func encode(o Object) []byte {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return raw
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

func metadata(form url.Values) Object {
	m := Object{}
	for k, v := range form {
		if name, ok := strings.CutPrefix(k, "metadata["); ok {
			m[strings.TrimSuffix(name, "]")] = v[0]
		}
	}
	return m
}

func (f *Fake) create(r *http.Request) (int, Object) {
	id := "pi_" + rand.Text()
	i := Object{"id": id, "object": "payment_intent", "amount": number(r.FormValue("amount")), "currency": r.FormValue("currency"), "status": "requires_payment_method",
		"capture_method": r.FormValue("capture_method"), "client_secret": id + "_secret_" + rand.Text(), "metadata": metadata(r.Form), "livemode": false,
		"latest_charge": Object{"id": "ch_" + rand.Text(), "object": "charge", "amount_refunded": int64(0)}}
	f.intents[id] = i
	return http.StatusOK, i
}

// intent finds what a request is about.
func (f *Fake) intent(r *http.Request, do func(i Object) (int, Object)) (int, Object) {
	i, ok := f.intents[cmp.Or(r.PathValue("id"), r.FormValue("payment_intent"))]
	if !ok {
		return failure(http.StatusNotFound, "invalid_request_error", "resource_missing", nil)
	}
	return do(i)
}

// move changes an intent that is in one of some states.
func (f *Fake) move(r *http.Request, to string, from ...string) (int, Object) {
	return f.intent(r, func(i Object) (int, Object) {
		for _, s := range from {
			if i["status"] == s {
				i["status"] = to
				return http.StatusOK, i
			}
		}
		return failure(http.StatusBadRequest, "invalid_request_error", "payment_intent_unexpected_state", Object{"payment_intent": i})
	})
}

func (f *Fake) capture(r *http.Request) (int, Object) {
	status, i := f.move(r, "succeeded", "requires_capture")
	if status == http.StatusOK {
		f.taken[r.PathValue("id")] = append(f.taken[r.PathValue("id")], number(r.FormValue("amount_to_capture")))
	}
	return status, i
}

func (f *Fake) cancel(r *http.Request) (int, Object) {
	status, i := f.move(r, "canceled", "requires_payment_method", "requires_action", "requires_capture", "requires_confirmation")
	if status == http.StatusOK {
		i["cancellation_reason"] = r.FormValue("cancellation_reason")
	}
	return status, i
}

func (f *Fake) refund(r *http.Request) (int, Object) {
	return f.intent(r, func(i Object) (int, Object) {
		charge, n := i["latest_charge"].(Object), number(r.FormValue("amount"))
		if i["status"] != "succeeded" || n > i["amount"].(int64)-charge["amount_refunded"].(int64) {
			return failure(http.StatusBadRequest, "invalid_request_error", "charge_already_refunded", nil)
		}
		charge["amount_refunded"] = charge["amount_refunded"].(int64) + n
		made := Object{"id": "re_" + rand.Text(), "object": "refund", "amount": n, "payment_intent": i["id"], "status": "succeeded", "metadata": metadata(r.Form)}
		f.refunds = append(f.refunds, made)
		return http.StatusOK, made
	})
}

func (f *Fake) search(r *http.Request) (int, Object) {
	list := []Object{}
	for _, i := range f.intents {
		if query := `metadata["` + "frontrow_order" + `"]:"` + i["metadata"].(Object)["frontrow_order"].(string) + `"`; query == r.FormValue("query") && !f.hidden {
			list = append(list, i)
		}
	}
	return http.StatusOK, Object{"object": "search_result", "data": list, "has_more": false}
}

// Confirm plays the fan on the page: their bank agrees, or refuses with a code.
func (f *Fake) Confirm(reference string, declined string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.intents[reference]
	if s := i["status"]; s != "requires_payment_method" && s != "requires_action" {
		return
	}
	i["status"], i["last_payment_error"] = "requires_capture", nil
	if declined != "" {
		i["status"], i["last_payment_error"] = "requires_payment_method", Object{"type": "card_error", "code": "card_declined", "decline_code": declined}
	}
}

// Change edits an intent behind everybody's back.
func (f *Fake) Change(reference, field string, to any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.intents[reference][field] = to
}

// Breaks has the next changes fail with these statuses.
func (f *Fake) Breaks(statuses ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = statuses
}

// Forgets drops all keys, as Stripe may after a day.
func (f *Fake) Forgets() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.keys)
}

// Captures returns what was taken of an intent, each time.
func (f *Fake) Captures(reference string) []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken[reference]
}

// Intent returns one as it is now, nil if there is none.
func (f *Fake) Intent(reference string) Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.intents[reference])
}

// All returns every intent as it is now.
func (f *Fake) All() (all []Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.intents {
		all = append(all, maps.Clone(i))
	}
	return all
}

// Refunds returns all that were made, to be looked at and edited.
func (f *Fake) Refunds() []Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refunds
}

// Hide has searches find nothing.
func (f *Fake) Hide() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hidden = true
}

// Asked returns how many requests came with each key.
func (f *Fake) Asked() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.asked)
}
