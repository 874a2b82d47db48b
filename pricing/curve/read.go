package curve

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"frontrow/wire"
)

// maxLine bounds a line of a file, in bytes.
const maxLine = 2048

const mark = "\ufeff" // of the byte order, with which spreadsheets begin a file

// Read reads a curve that Write wrote, or a spreadsheet saved: with a byte order mark, with
// lines that end in CR LF, with semicolons. The error names file and line.
func Read(name string, from io.Reader) (Sale, error) {
	r := reader{in: bufio.NewReaderSize(from, maxLine), comma: ','}
	err := r.head()
	if err == nil {
		err = r.rows()
	}
	if err != nil {
		return Sale{}, fmt.Errorf("%s:%d: %w", name, r.line, err)
	}
	return r.sale, nil
}

type reader struct {
	in    *bufio.Reader
	line  int // that was read last, from 1
	comma rune
	sale  Sale
}

// next returns the fields of the next line; io.EOF behind the last.
func (r *reader) next() ([]string, error) {
	raw, err := r.in.ReadSlice('\n')
	if len(raw) > 0 || err == nil {
		r.line++
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("the line is longer than %d bytes", maxLine)
	case len(raw) == 0 && err != nil, err != nil && !errors.Is(err, io.EOF):
		return nil, err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if r.line == 1 {
		text = strings.TrimPrefix(text, mark)
		if strings.HasPrefix(text, title+";") {
			r.comma = ';'
		}
	}
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, errors.New("not in UTF-8: save the file in that encoding")
	case strings.ContainsRune(text, '\r'):
		return nil, errors.New("a carriage return stands in the line: save the file with lines that end in LF or CR LF")
	case text == "":
		return nil, errors.New("the line is empty")
	case !strings.ContainsRune(text, '"'):
		return strings.Split(text, string(r.comma)), nil
	}
	c := csv.NewReader(strings.NewReader(text))
	c.Comma = r.comma
	fields, err := c.Read()
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("column %d: %w", wrong.Column, wrong.Err)
	}
	return fields, err
}

// head reads all before the samples.
func (r *reader) head() error {
	h := &r.sale.Head
	for _, want := range h.head() {
		fields, err := r.next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the file ends before %q", want[0])
		}
		if err != nil {
			return err
		}
		for len(fields) > 2 && fields[len(fields)-1] == "" { // a spreadsheet makes all lines as long
			fields = fields[:len(fields)-1]
		}
		if len(fields) != 2 || fields[0] != want[0] {
			return fmt.Errorf("want %s,…: a curve is what frontrow pricing export writes", want[0])
		}
		if err := h.set(want[0], fields[1]); err != nil {
			return fmt.Errorf("%s: %w", want[0], err)
		}
	}
	fields, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !slices.Equal(fields, columns()) {
		return fmt.Errorf("the columns are %q; they must be %q", strings.Join(fields, ","), strings.Join(columns(), ","))
	}
	return nil
}

// set takes the value of a head row.
func (h *Head) set(name, value string) (err error) {
	var n int64
	switch name {
	case title:
		if value != version {
			err = fmt.Errorf("%q is another version of this form: this frontrow reads %s", value, version)
		}
	case "event":
		h.Event, err = said(value)
	case "venue":
		h.Venue, err = said(value)
	case "starts_at":
		if value != "" {
			h.StartsAt, err = instant(value)
		}
	case "day":
		if is := h.StartsAt.Weekday().String(); !h.StartsAt.IsZero() && value != is || h.StartsAt.IsZero() && value != "" {
			err = fmt.Errorf("%q, but starts_at is on a %s", value, is)
		}
	case "opens_at":
		h.OpensAt, err = instant(value)
	case "places":
		n, err = parse(value, 1, maxCount)
		h.Places = int(n)
	case "currency":
		if h.Currency = value; !wire.IsCurrency(value) {
			err = fmt.Errorf("%q is no currency of ISO 4217", value)
		}
	case "every_seconds":
		n, err = parse(value, 1, int64(maxEvery/time.Second))
		h.Every = time.Duration(n) * time.Second
	}
	return err
}

func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is no instant: write it like 2027-06-19T20:00:00+02:00", text)
	}
	return t, nil
}

func said(text string) (string, error) {
	clean, err := wire.CleanText(text, wire.MaxText)
	if err == nil && clean == "" {
		err = errors.New("it must be said")
	}
	return clean, err
}

// parse reads a whole number between two.
func parse(text string, least, most int64) (int64, error) {
	digits := len(text) > 0 && strings.Trim(text, "0123456789") == "" && (text[0] != '0' || text == "0")
	n, err := strconv.ParseInt(text, 10, 64)
	if !digits || err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is no whole number between %d and %d", text, least, most)
	}
	return n, nil
}

// rows reads the samples. The first names the levels; those that follow have the same.
func (r *reader) rows() error {
	s, whole := &r.sale, false // whether all levels of the first sample are known
	for {
		fields, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(fields) != len(columns()) {
			return fmt.Errorf("%d columns instead of %d", len(fields), len(columns()))
		}
		if whole = whole || fields[0] != "0"; !whole {
			if err := s.name(fields[1]); err != nil {
				return err
			}
		}
		if len(s.Levels) == 0 {
			return fmt.Errorf("the first sample is at %q, and must be at 0 seconds", fields[0])
		}
		if err := s.row(fields); err != nil {
			return err
		}
	}
	if n := len(s.Rows); n == 0 || n%len(s.Levels) != 0 {
		return fmt.Errorf("the file ends in the middle of a sample: %d rows of %d levels", n, len(s.Levels))
	}
	return nil
}

// name takes a level of the first sample.
func (s *Sale) name(level string) error {
	switch _, err := said(level); {
	case err != nil:
		return fmt.Errorf("level: %w", err)
	case slices.Contains(s.Levels, level):
		return fmt.Errorf("level %q is there twice at 0 seconds", level)
	case len(s.Levels) == wire.MaxLevels:
		return fmt.Errorf("more than %d levels", wire.MaxLevels)
	}
	s.Levels = append(s.Levels, level)
	return nil
}

// row takes the next row.
func (s *Sale) row(fields []string) error {
	i, k := len(s.Rows)/len(s.Levels), len(s.Rows)%len(s.Levels)
	if i == MaxSamples {
		return fmt.Errorf("more than %d samples: take them less often", MaxSamples)
	}
	if want := number(int64(i) * int64(s.Every/time.Second)); fields[0] != want || fields[1] != s.Levels[k] {
		return fmt.Errorf("%q seconds of level %q, where %s of %q must follow", fields[0], fields[1], want, s.Levels[k])
	}
	var row Row
	for c, at := range []*int64{&row.Places, &row.Sold, &row.Held, &row.Returned, &row.Price, &row.Waiting, &row.Revenue} {
		name, most := columns()[c+2], int64(maxCount)
		if name == "price" || name == "revenue" {
			most = maxAmount
		}
		if name == "waiting" && fields[c+2] == "" {
			*at = Unknown
			continue
		}
		var err error
		if *at, err = parse(fields[c+2], 0, most); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var before *Row
	if i > 0 {
		before = s.At(i-1, k)
	}
	if err := row.follows(before); err != nil {
		return err
	}
	s.Rows = append(s.Rows, row)
	var all int64
	for _, row := range s.Rows[i*len(s.Levels) : min(len(s.Rows), (i+1)*len(s.Levels))] {
		all += row.Places
	}
	if all > int64(s.Places) {
		return fmt.Errorf("the levels have %d places, and the house %d: %w", all, s.Places, errOver)
	}
	return nil
}
