package wire

// AppendJSON appends the refusal to b.
func (p Problem) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("code", string(p.Code))
	o.text("detail", p.Detail)
	o.list("seats", p.Seats)
	o.list("instead", p.Instead)
	o.some("order", p.Order)
	if p.Ahead != 0 {
		o.unsigned("ahead", p.Ahead)
	}
	o.nonzero("retry_after_ms", p.RetryAfterMS)
	o.some("challenge", p.Challenge)
	o.truth("skip", p.Skip)
	o.nonzero("expect_total", p.Expected)
	o.nonzero("total", p.Total)
	return o.end()
}

func (p *Problem) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("code") {
		p.Code = Code(m.text())
	}
	if m.next("detail") {
		p.Detail = m.text()
	}
	if m.next("seats") {
		p.Seats = m.texts()
	}
	if m.next("instead") {
		p.Instead = m.texts()
	}
	if m.next("order") {
		p.Order = m.text()
	}
	if m.next("ahead") {
		p.Ahead = m.unsigned()
	}
	if m.next("retry_after_ms") {
		p.RetryAfterMS = m.number()
	}
	if m.next("challenge") {
		p.Challenge = m.text()
	}
	if m.next("skip") {
		p.Skip = m.truth()
	}
	if m.next("expect_total") {
		p.Expected = m.number()
	}
	if m.next("total") {
		p.Total = m.number()
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r Reply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.problem(r.Problem)
	return o.end()
}

func (r *Reply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	r.Problem = m.problem()
	return m.end()
}

// problem appends the member "problem", if there is one.
func (o *object) problem(p *Problem) {
	if p != nil {
		o.key("problem")
		o.b = p.AppendJSON(o.b)
	}
}

// problem reads the member "problem", if it is next.
func (m *members) problem() *Problem {
	if !m.next("problem") {
		return nil
	}
	p := new(Problem)
	m.took(p.parse(m.rest))
	return p
}

// AppendJSON appends the record to b.
func (v Vouch) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.unsigned("n", v.N)
	o.unsigned("term", v.Term)
	o.text("writer", v.Writer)
	o.time("at", v.At)
	return o.end()
}
