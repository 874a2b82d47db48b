package wire

import "time"

// AppendJSON appends the request to b.
func (r HoldRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.key("claims")
	o.b = r.Claims.appendJSON(o.b)
	o.list("seats", r.Seats)
	if r.Best != nil {
		o.key("best")
		o.b = r.Best.appendJSON(o.b)
	}
	o.some("area", r.Area)
	o.nonzero("count", int64(r.Count))
	if r.Expect != nil {
		o.number("expect_total", *r.Expect)
	}
	return o.end()
}

func (r *HoldRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("claims") {
		m.took(r.Claims.parse(m.rest))
	}
	if m.next("seats") {
		r.Seats = m.texts()
	}
	if m.next("best") {
		r.Best = new(Best)
		m.took(r.Best.parse(m.rest))
	}
	if m.next("area") {
		r.Area = m.text()
	}
	if m.next("count") {
		r.Count = m.count()
	}
	if m.next("expect_total") {
		total := m.number()
		r.Expect = &total
	}
	r.part()
	return m.end()
}

// part copies what the writer keeps for as long as the hold stands or its seats are sold, so
// that the rest of the request need not be kept with it.
func (r *HoldRequest) part() {
	c := &r.Claims
	kept := r.Hold + c.Fan + c.Net
	r.Hold, kept = kept[:len(r.Hold)], kept[len(r.Hold):]
	c.Fan, c.Net = kept[:len(c.Fan)], kept[len(c.Fan):]
}

func (w *HoldWish) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("seats") {
		w.Seats = m.texts()
	}
	if m.next("best") {
		w.Best = new(Best)
		m.took(w.Best.parse(m.rest))
	}
	if m.next("area") {
		w.Area = m.text()
	}
	if m.next("count") {
		w.Count = m.count()
	}
	if m.next("expect_total") {
		total := m.number()
		w.Expect = &total
	}
	if m.next("challenge") {
		w.Challenge = m.text()
	}
	return m.end()
}

func (c *Claims) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("pass", c.Pass)
	o.text("fan", c.Fan)
	o.number("limit", int64(c.Limit))
	o.time("expires", c.Expires)
	o.some("channel", c.Channel)
	o.some("net", c.Net)
	o.nonzero("priced", c.Priced)
	return o.end()
}

func (c *Claims) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("pass") {
		c.Pass = m.text()
	}
	if m.next("fan") {
		c.Fan = m.text()
	}
	if m.next("limit") {
		c.Limit = m.count()
	}
	if m.next("expires") {
		c.Expires = m.time()
	}
	if m.next("channel") {
		c.Channel = m.text()
	}
	if m.next("net") {
		c.Net = m.text()
	}
	if m.next("priced") {
		c.Priced = m.number()
	}
	return m.end()
}

func (w *Best) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.number("count", int64(w.Count))
	o.some("section", w.Section)
	o.some("level", w.Level)
	o.nonzero("max_total", w.MaxTotal)
	o.truth("accessible", w.Accessible)
	return o.end()
}

func (w *Best) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("count") {
		w.Count = m.count()
	}
	if m.next("section") {
		w.Section = m.text()
	}
	if m.next("level") {
		w.Level = m.text()
	}
	if m.next("max_total") {
		w.MaxTotal = m.number()
	}
	if m.next("accessible") {
		w.Accessible = m.truth()
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r HoldReply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.problem(r.Problem)
	o.some("hold", r.Hold)
	if len(r.Seats) > 0 {
		o.quotes("seats", r.Seats)
	}
	o.number("total", r.Total)
	o.some("currency", r.Currency)
	o.someTime("expires_at", r.Expires)
	o.some("order", r.Order)
	o.some("why", r.Why)
	return o.end()
}

func (r *HoldReply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	r.Problem = m.problem()
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("seats") {
		r.Seats = m.quotes()
	}
	if m.next("total") {
		r.Total = m.number()
	}
	if m.next("currency") {
		r.Currency = m.text()
	}
	if m.next("expires_at") {
		r.Expires = m.time()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("why") {
		r.Why = m.text()
	}
	return m.end()
}

// AppendJSON appends the request to b.
func (r CheckoutRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("fan", r.Fan)
	o.text("key", r.Key)
	o.text("body", r.Body)
	if r.Quoted != nil {
		o.key("quoted")
		o.b = r.Quoted.AppendJSON(o.b)
	}
	return o.end()
}

func (r *CheckoutRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("key") {
		r.Key = m.text()
	}
	if m.next("body") {
		r.Body = m.text()
	}
	if m.next("quoted") {
		r.Quoted = new(Quoted)
		m.took(r.Quoted.parse(m.rest))
	}
	return m.end()
}

// AppendJSON appends the wish to b.
func (w CheckoutWish) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.key("payment")
	o.b = w.Payment.AppendJSON(o.b)
	o.key("buyer")
	o.b = w.Buyer.AppendJSON(o.b)
	if w.Quoted != nil {
		o.key("quoted")
		o.b = w.Quoted.AppendJSON(o.b)
	}
	return o.end()
}

func (w *CheckoutWish) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("payment") {
		m.took(w.Payment.parse(m.rest))
	}
	if m.next("buyer") {
		m.took(w.Buyer.parse(m.rest))
	}
	if m.next("quoted") {
		w.Quoted = new(Quoted)
		m.took(w.Quoted.parse(m.rest))
	}
	return m.end()
}

// AppendJSON appends what was quoted to b.
func (q *Quoted) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.key("seats")
	o.b = appendTexts(o.b, q.Seats)
	o.number("total", q.Total)
	return o.end()
}

func (q *Quoted) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("seats") {
		q.Seats = m.texts()
	}
	if m.next("total") {
		q.Total = m.number()
	}
	return m.end()
}

// AppendJSON appends the notice to b.
func (n Notice) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("kind", n.Kind)
	o.some("hold", n.Hold)
	o.some("order", n.Order)
	o.text("state", n.State)
	o.some("reason", n.Reason)
	o.list("tickets", n.Tickets)
	o.time("at", n.At)
	o.someTime("expires_at", n.Expires)
	o.some("net", n.Net)
	o.nonzero("seats", int64(n.Seats))
	return o.end()
}

func (n *Notice) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("kind") {
		n.Kind = m.text()
	}
	if m.next("hold") {
		n.Hold = m.text()
	}
	if m.next("order") {
		n.Order = m.text()
	}
	if m.next("state") {
		n.State = m.text()
	}
	if m.next("reason") {
		n.Reason = m.text()
	}
	if m.next("tickets") {
		n.Tickets = m.texts()
	}
	if m.next("at") {
		n.At = m.time()
	}
	if m.next("expires_at") {
		n.Expires = m.time()
	}
	if m.next("net") {
		n.Net = m.text()
	}
	if m.next("seats") {
		n.Seats = m.count()
	}
	return m.end()
}

// someTime appends an instant that is not zero.
func (o *object) someTime(k string, t time.Time) {
	if !t.IsZero() {
		o.time(k, t)
	}
}
