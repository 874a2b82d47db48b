package curve

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"
)

// What a file begins with, and the names of its columns.
const (
	title   = "frontrow sales curve"
	version = "1"
)

func columns() []string {
	return []string{"seconds", "level", "places", "sold", "held", "returned", "price", "waiting", "revenue"}
}

// Write writes a curve as CSV, with commas and line feeds.
func Write(to io.Writer, s Sale) error {
	w := csv.NewWriter(to)
	for _, h := range s.head() {
		_ = w.Write(h[:]) // Flush has the error
	}
	_ = w.Write(columns())
	for i := range s.Samples() {
		for k, level := range s.Levels {
			_ = w.Write(append([]string{number(int64(i) * int64(s.Every/time.Second)), level}, s.At(i, k).fields()...))
		}
	}
	w.Flush()
	return w.Error()
}

func (h Head) head() [][2]string {
	starts, day := "", ""
	if !h.StartsAt.IsZero() {
		starts, day = h.StartsAt.Format(time.RFC3339), h.StartsAt.Weekday().String()
	}
	return [][2]string{{title, version}, {"event", h.Event}, {"venue", h.Venue}, {"starts_at", starts}, {"day", day}, {"opens_at", h.OpensAt.Format(time.RFC3339)},
		{"places", number(int64(h.Places))}, {"currency", h.Currency}, {"every_seconds", number(int64(h.Every / time.Second))}}
}

// fields are the columns from places on.
func (r *Row) fields() []string {
	waiting := ""
	if r.Waiting != Unknown {
		waiting = number(r.Waiting)
	}
	return []string{number(r.Places), number(r.Sold), number(r.Held), number(r.Returned), number(r.Price), waiting, number(r.Revenue)}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
