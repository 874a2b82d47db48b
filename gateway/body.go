package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"frontrow/wire"
)

// maxBody bounds a request's body.
const maxBody = 64 << 10

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return writeBody(w, status, raw)
}

// writeBody answers with JSON.
func writeBody(w http.ResponseWriter, status int, raw []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that left needs no answer
	return nil
}

// readJSON reads exactly one JSON value of known fields into v. An empty body
// leaves v as it is if optional.
func readJSON(w http.ResponseWriter, r *request, v any, optional bool) error {
	raw, err := readBody(w, r.Request)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return wire.Refuse(wire.CodeTooLarge, fmt.Sprintf("Send at most %d bytes.", maxBody))
	case err != nil:
		return wire.Refuse(wire.CodeBadRequest, "The request was cut off.")
	case len(raw) == 0 && optional:
		return nil
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return wire.Refuse(codeMedia, "Send JSON, with Content-Type: application/json.")
	}
	if optional && string(raw) == "{}" { // as nearly all who join send
		return nil
	}
	if wire.Plain(raw, v) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return wire.Refuse(wire.CodeBadRequest, "The body is not the JSON expected here: "+jsonFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wire.Refuse(wire.CodeBadRequest, "Send one JSON value and nothing after it.")
	}
	return nil
}

// readBody reads a request's body, into as much memory as the request says it has.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if n := r.ContentLength; 0 <= n && n <= maxBody {
		raw := make([]byte, n)
		_, err := io.ReadFull(r.Body, raw)
		return raw, err
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// isJSON reports whether a media type is JSON, whatever its parameters.
func isJSON(contentType string) bool {
	if contentType == "application/json" { // as nearly all write it
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
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
