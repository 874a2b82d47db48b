package wire

// Places are given out and turned into passes by the thousand each second: see codec.go.

// AppendJSON appends the record to b.
func (r PlaceRecord) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("fan", r.Fan)
	o.nonzero("turn", int64(r.Turn))
	o.time("at", r.At)
	r.Grant.members(&o)
	o.nonzero("priced", r.Priced)
	o.nonzero("risk", int64(r.Risk))
	o.list("reasons", r.Reasons)
	return o.end()
}

func (r *PlaceRecord) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("turn") {
		r.Turn = m.count()
	}
	if m.next("at") {
		r.At = m.time()
	}
	r.Grant.read(&m)
	if m.next("priced") {
		r.Priced = m.number()
	}
	if m.next("risk") {
		r.Risk = m.count()
	}
	if m.next("reasons") {
		r.Reasons = m.texts()
	}
	return m.end()
}

// AppendJSON appends the place to b.
func (p Place) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("event", p.Event)
	o.text("lane", p.Lane)
	o.text("region", p.Region)
	o.unsigned("number", p.Number)
	o.text("fan", p.Fan)
	o.nonzero("turn", int64(p.Turn))
	o.time("at", p.At)
	p.Grant.members(&o)
	o.nonzero("priced", p.Priced)
	return o.end()
}

func (p *Place) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("event") {
		p.Event = m.text()
	}
	if m.next("lane") {
		p.Lane = m.text()
	}
	if m.next("region") {
		p.Region = m.text()
	}
	if m.next("number") {
		p.Number = m.unsigned()
	}
	if m.next("fan") {
		p.Fan = m.text()
	}
	if m.next("turn") {
		p.Turn = m.count()
	}
	if m.next("at") {
		p.At = m.time()
	}
	p.Grant.read(&m)
	if m.next("priced") {
		p.Priced = m.number()
	}
	return m.end()
}

func (g *Grant) members(o *object) {
	o.some("code", g.Code)
	o.some("channel", g.Channel)
	o.nonzero("limit", int64(g.Limit))
}

// read is the inverse of members.
func (g *Grant) read(m *members) {
	if m.next("code") {
		g.Code = m.text()
	}
	if m.next("channel") {
		g.Channel = m.text()
	}
	if m.next("limit") {
		g.Limit = m.count()
	}
}

// AppendJSON appends the request to b.
func (r StandRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.key("place")
	o.b = r.Place.AppendJSON(o.b)
	return o.end()
}

func (r *StandRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("place") {
		m.took(r.Place.parse(m.rest))
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r StandReply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.truth("used", r.Used)
	o.nonzero("turn", int64(r.Turn))
	o.problem(r.Problem)
	return o.end()
}

func (r *StandReply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("used") {
		r.Used = m.truth()
	}
	if m.next("turn") {
		r.Turn = m.count()
	}
	r.Problem = m.problem()
	return m.end()
}
