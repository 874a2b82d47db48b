package wire

// What the writer stores: the log's records and the seats'.

// AppendJSON appends the record to b.
func (s *Seat) AppendJSON(b []byte) []byte {
	o := object{b: b}
	s.appendTo(&o)
	return o.end()
}

func (s *Seat) appendTo(o *object) {
	o.nonzero("v", int64(s.V))
	o.text("state", string(s.State))
	o.time("at", s.At)
	o.some("hold", s.Hold)
	o.some("fan", s.Fan)
	if s.Until != nil {
		o.time("until", *s.Until)
	}
	if s.Quote != nil {
		o.key("quote")
		o.b = s.Quote.appendJSON(o.b)
	}
	o.some("order", s.Order)
	o.some("key", s.Key)
	o.some("body", s.Body)
	if s.HeldUntil != nil {
		o.time("held_until", *s.HeldUntil)
	}
	if len(s.Tried) > 0 {
		o.key("tried")
		o.b = appendAll(o.b, s.Tried, (*Tried).appendJSON)
	}
	o.truth("extended", s.Extended)
	o.some("net", s.Net)
	if k := s.Kept; k != nil {
		o.key("kept")
		o.b = k.appendJSON(o.b)
	}
	o.some("channel", s.Channel)
	o.some("why", s.Why)
	if s.Flush != 0 {
		o.unsigned("flush", s.Flush)
	}
	if s.Revision != 0 {
		o.unsigned("revision", s.Revision)
	}
}

func (s *Seat) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	s.parseFrom(&m)
	return m.end()
}

func (s *Seat) parseFrom(m *members) {
	if m.next("v") {
		s.V = m.count()
	}
	if m.next("state") {
		s.State = State(m.text())
	}
	if m.next("at") {
		s.At = m.time()
	}
	if m.next("hold") {
		s.Hold = m.text()
	}
	if m.next("fan") {
		s.Fan = m.text()
	}
	if m.next("until") {
		s.Until = m.instant()
	}
	if m.next("quote") {
		s.Quote = new(SeatQuote)
		m.took(s.Quote.parse(m.rest))
	}
	if m.next("order") {
		s.Order = m.text()
	}
	if m.next("key") {
		s.Key = m.text()
	}
	if m.next("body") {
		s.Body = m.text()
	}
	if m.next("held_until") {
		s.HeldUntil = m.instant()
	}
	if m.next("tried") {
		s.Tried = objects[Tried](m)
	}
	if m.next("extended") {
		s.Extended = m.truth()
	}
	if m.next("net") {
		s.Net = m.text()
	}
	if m.next("kept") {
		s.Kept = new(Kept)
		m.took(s.Kept.parse(m.rest))
	}
	if m.next("channel") {
		s.Channel = m.text()
	}
	if m.next("why") {
		s.Why = m.text()
	}
	if m.next("flush") {
		s.Flush = m.unsigned()
	}
	if m.next("revision") {
		s.Revision = m.unsigned()
	}
}

func (t *Tried) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("key", t.Key)
	o.text("body", t.Body)
	return o.end()
}

func (t *Tried) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("key") {
		t.Key = m.text()
	}
	if m.next("body") {
		t.Body = m.text()
	}
	return m.end()
}

func (k *Kept) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.some("fan", k.Fan)
	o.some("net", k.Net)
	o.time("since", k.Since)
	o.time("until", k.Until)
	o.text("spent", k.Spent.String())
	return o.end()
}

func (k *Kept) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("fan") {
		k.Fan = m.text()
	}
	if m.next("net") {
		k.Net = m.text()
	}
	if m.next("since") {
		k.Since = m.time()
	}
	if m.next("until") {
		k.Until = m.time()
	}
	if m.next("spent") {
		if text := m.text(); k.Spent.UnmarshalText([]byte(text)) != nil {
			m.spoil()
		}
	}
	return m.end()
}

// AppendJSON appends the log record to b.
func (f *Flush) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.nonzero("v", int64(f.V))
	o.unsigned("n", f.N)
	o.unsigned("term", f.Term)
	o.text("writer", f.Writer)
	o.time("at", f.At)
	o.some("prev", f.Prev)
	o.key("acts")
	o.b = appendAll(o.b, f.Acts, (*Act).appendJSON)
	if len(f.Seats) > 0 {
		o.key("seats")
		o.b = appendAll(o.b, f.Seats, (*Change).appendJSON)
	}
	return o.end()
}

func (f *Flush) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("v") {
		f.V = m.count()
	}
	if m.next("n") {
		f.N = m.unsigned()
	}
	if m.next("term") {
		f.Term = m.unsigned()
	}
	if m.next("writer") {
		f.Writer = m.text()
	}
	if m.next("at") {
		f.At = m.time()
	}
	if m.next("prev") {
		f.Prev = m.text()
	}
	if m.next("acts") {
		f.Acts = objects[Act](&m)
	}
	if m.next("seats") {
		f.Seats = objects[Change](&m)
	}
	return m.end()
}

func (a *Act) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("kind", a.Kind)
	o.some("hold", a.Hold)
	o.some("order", a.Order)
	o.some("fan", a.Fan)
	if len(a.Seats) > 0 {
		o.key("seats")
		o.b = appendTexts(o.b, a.Seats)
	}
	if len(a.Prices) > 0 {
		o.key("prices")
		o.b = appendAll(o.b, a.Prices, (*Amounts).appendJSON)
	}
	o.nonzero("priced", a.Priced)
	if a.Until != nil {
		o.time("until", *a.Until)
	}
	o.some("by", a.By)
	o.some("why", a.Why)
	o.some("channel", a.Channel)
	o.nonzero("count", int64(a.Count))
	return o.end()
}

func (a *Act) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("kind") {
		a.Kind = m.text()
	}
	if m.next("hold") {
		a.Hold = m.text()
	}
	if m.next("order") {
		a.Order = m.text()
	}
	if m.next("fan") {
		a.Fan = m.text()
	}
	if m.next("seats") {
		a.Seats = m.texts()
	}
	if m.next("prices") {
		a.Prices = listOf(&m, "},{", (*members).amounts)
	}
	if m.next("priced") {
		a.Priced = m.number()
	}
	if m.next("until") {
		a.Until = m.instant()
	}
	if m.next("by") {
		a.By = m.text()
	}
	if m.next("why") {
		a.Why = m.text()
	}
	if m.next("channel") {
		a.Channel = m.text()
	}
	if m.next("count") {
		a.Count = m.count()
	}
	return m.end()
}

func (c *Change) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.key("ids")
	o.b = appendTexts(o.b, c.IDs)
	o.key("was")
	o.b = appendNumbers(o.b, c.Was)
	if len(c.Quotes) > 0 {
		o.quotes("quotes", c.Quotes)
	}
	c.Seat.appendTo(&o)
	return o.end()
}

func (c *Change) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("ids") {
		c.IDs = m.texts()
	}
	if m.next("was") {
		c.Was = listOf(&m, ",", (*members).unsigned)
	}
	if m.next("quotes") {
		c.Quotes = m.quotes()
	}
	c.Seat.parseFrom(&m)
	return m.end()
}
