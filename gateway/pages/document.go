package pages

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Document is an immutable response body. It is compressed once, when that is first
// requested. The compressed form has its own ETag (RFC 9110, 8.8.3.3).
type Document struct {
	contentType string
	etag        string // opaque, without quotes
	raw         []byte

	once   sync.Once
	packed []byte // nil if it would not be smaller
}

const packedSuffix = "-gzip"

// minPacked is the size below which compression saves no packet.
const minPacked = 1024

// NewDocument returns a Document of raw, which is not copied. etag is opaque and without
// quotes.
func NewDocument(contentType, etag string, raw []byte) *Document {
	return &Document{contentType: contentType, etag: etag, raw: raw}
}

// ETag returns the ETag of the plain form, without quotes.
func (d *Document) ETag() string { return d.etag }

// Pack compresses d now, so that no request has to.
func (d *Document) Pack() { d.gzip() }

func (d *Document) gzip() []byte {
	d.once.Do(func() {
		if len(d.raw) < minPacked {
			return
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(d.raw) // a bytes.Buffer never fails
		_ = z.Close()
		if b.Len() < len(d.raw) {
			d.packed = b.Bytes()
		}
	})
	return d.packed
}

// Serve answers a GET or HEAD with d, or 304 if the client has it.
func (d *Document) Serve(w http.ResponseWriter, r *http.Request, cacheControl string) {
	h := w.Header()
	h.Set("Cache-Control", cacheControl)
	h.Set("Vary", "Accept-Encoding")
	etag, body := `"`+d.etag+`"`, d.raw
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed := d.gzip(); packed != nil {
			etag, body = `"`+d.etag+packedSuffix+`"`, packed
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", etag)
	if d.matches(r.Header.Get("If-None-Match")) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// matches compares weakly: either form of d matches.
func (d *Document) matches(ifNoneMatch string) bool {
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.TrimSuffix(strings.Trim(tag, `"`), packedSuffix) == d.etag && len(tag) > 2 {
			return true
		}
	}
	return false
}
