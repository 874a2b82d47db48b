package paymenttest

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// Line is a handler whose answers can be lost: the request is carried out, and the
// connection breaks.
type Line struct {
	next http.Handler
	cut  atomic.Bool
}

// NewLine returns a line to a provider.
func NewLine(next http.Handler) *Line { return &Line{next: next} }

// Cut has every answer lost from now on, until Mend.
func (l *Line) Cut() { l.cut.Store(true) }

// Mend ends that.
func (l *Line) Mend() { l.cut.Store(false) }

func (l *Line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.cut.Load() {
		l.next.ServeHTTP(w, r)
		return
	}
	l.next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}
