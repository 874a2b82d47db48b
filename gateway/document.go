package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"frontrow/wire"
)

// maxBody bounds a request's body.
const maxBody = 64 << 10

// document is a response body that is encoded once and sent to many. It is
// compressed once, when somebody first asks for that. The compressed form has
// an ETag of its own (RFC 9110, 8.8.3.3).
type document struct {
	contentType string
	etag        string // opaque, without quotes
	raw         []byte

	once   sync.Once
	packed []byte // nil if it would not be smaller
}

const packedSuffix = "-gzip"

// minPacked is the size below which compressing saves no packet.
const minPacked = 1024

func (d *document) gzip() []byte {
	d.once.Do(func() {
		if len(d.raw) < minPacked {
			return
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(d.raw) // a bytes.Buffer takes everything
		_ = z.Close()
		if b.Len() < len(d.raw) {
			d.packed = b.Bytes()
		}
	})
	return d.packed
}

// serve answers a GET or HEAD with d, or 304 if the client has it.
func (d *document) serve(w http.ResponseWriter, r *http.Request, cacheControl string) {
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

// matches compares weakly: either form of d will do.
func (d *document) matches(ifNoneMatch string) bool {
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.TrimSuffix(strings.Trim(tag, `"`), packedSuffix) == d.etag && len(tag) > 2 {
			return true
		}
	}
	return false
}

// writeJSON answers with v, which nobody may keep.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return writeBody(w, status, raw)
}

// writeBody answers with JSON, which nobody may keep.
func writeBody(w http.ResponseWriter, status int, raw []byte) error {
	h := w.Header()
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that left needs no answer
	return nil
}

// readJSON reads exactly one JSON value of known fields into v. An empty body
// leaves v as it is if optional.
func readJSON(w http.ResponseWriter, r *http.Request, v any, optional bool) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return wire.Refuse(wire.CodeTooLarge, fmt.Sprintf("Send at most %d bytes.", maxBody))
	case err != nil:
		return wire.Refuse(wire.CodeBadRequest, "The request broke off.")
	case len(raw) == 0 && optional:
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return wire.Refuse(codeMedia, "Send JSON, with Content-Type: application/json.")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return wire.Refuse(wire.CodeBadRequest, "The body is not the JSON that is expected here: "+jsonFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wire.Refuse(wire.CodeBadRequest, "Send one JSON value and nothing after it.")
	}
	return nil
}

// jsonFault says what is wrong without Go's words for it.
func jsonFault(err error) string {
	var typ *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &typ) && typ.Field != "":
		return fmt.Sprintf("%q has the wrong type.", typ.Field)
	case errors.As(err, &typ):
		return "an object is expected."
	case errors.As(err, &syntax):
		return fmt.Sprintf("wrong syntax near byte %d.", syntax.Offset)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return "there is no field " + strings.TrimPrefix(err.Error(), "json: unknown field ") + "."
	}
	return "it ends too early."
}
