package plan

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestEncodeDecode(t *testing.T) {
	t.Parallel()
	p := hall()
	data, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, q) {
		t.Errorf("decoded plan differs:\n%+v\n%+v", p, q)
	}
	if Digest(p) != Digest(q) || len(Digest(p)) != 64 {
		t.Errorf("digests %s, %s", Digest(p), Digest(q))
	}
	q.Sections[0].Rows[0].Seats[0].X += 0.1
	if Digest(p) == Digest(q) {
		t.Error("a moved seat has the same digest")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	data, err := Encode(hall())
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for name, test := range map[string]struct{ data, want string }{
		"unknown field":  {strings.Replace(good, `"name":`, `"price":1,"name":`, 1), "unknown field"},
		"second plan":    {good + good, "more than one JSON document"},
		"bad UTF-8":      {strings.Replace(good, "Hall", "H\xffll", 1), "not valid UTF-8"},
		"three numbers":  {strings.Replace(good, `"focus":[1000,0]`, `"focus":[1,2,3]`, 1), "2 numbers"},
		"not checked":    {strings.Replace(good, `"101-A-12"`, `"101-A-11"`, 1), "id already used in section 101, row A"},
		"too large":      {strings.Repeat(" ", MaxPlanBytes+1), "larger than"},
		"many elements":  {`{"sections":[` + strings.Repeat("null,", maxElements) + `null]}`, "JSON elements"},
		"nested deep":    {strings.Repeat("[", 40) + strings.Repeat("]", 40), "levels deep"},
		"empty":          {"", "EOF"},
		"another object": {`{"hello":"world"}`, "unknown field"},
	} {
		if _, err := Decode([]byte(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Decode = %v, want …%s…", name, err, test.want)
		}
	}
}

func TestReadOrdersRows(t *testing.T) {
	t.Parallel()
	p := hall()
	row := p.Sections[0].Rows[0].Seats
	want := slices.Clone(row)
	// 1, 3, 5 … 11, 2, 4 … 12: the odd seats first, then the even ones between them.
	slices.SortStableFunc(row, func(a, b Seat) int { return int(a.X)/50%2 - int(b.X)/50%2 })
	if slices.Equal(row, want) {
		t.Fatal("the row is still in order")
	}
	data, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Read(bytes.NewReader(append([]byte("\ufeff"), data...)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Sections[0].Rows[0].Seats, want) {
		t.Errorf("row read as %v", got.Sections[0].Rows[0].Seats)
	}
}

func TestReadRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "null", "[]", "{}", `{"zones":[]}`, `{"zones":null,"sections":[]}`, `"zones"`} {
		if p, _, err := Read(strings.NewReader(data)); err == nil {
			t.Errorf("Read(%q) = %v", data, p)
		}
	}
}

func FuzzRead(f *testing.F) {
	own, err := Encode(hall())
	if err != nil {
		f.Fatal(err)
	}
	pretix, err := os.ReadFile("testdata/pretix.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Add(pretix)
	f.Add([]byte(`{"name":"x","width":9,"height":9,"focus":[0,0],"categories":[{"name":"c"}],"sections":[{"id":"s","rows":[{"seats":[{"id":"a","category":"c"},{"id":"b","category":"c"}]}]}]}`))
	f.Add([]byte(`{"zones":[{"name":"z","position":{"x":-1,"y":"2"},"rows":[{"row_number":1,"seats":[{"seat_guid":"g","category":"c"}]}]}],"categories":[{"name":"c"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, _, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := Check(p); err != nil {
			t.Fatalf("Read returned an unchecked plan: %v", err)
		}
		encoded, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(encoded)
		if err != nil {
			t.Fatalf("what Encode wrote is not read: %v", err)
		}
		if Digest(again) != Digest(p) {
			t.Fatal("digest changes when the plan is stored")
		}
		checkIndex(t, p)
		checkCompact(t, p)
	})
}
