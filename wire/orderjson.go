package wire

import "strconv"

// AppendJSON appends the order to b.
func (m OrderMessage) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("order", m.Order)
	o.text("hold", m.Hold)
	o.text("event", m.Event)
	o.text("fan", m.Fan)
	o.quotes("seats", m.Seats)
	o.number("total", m.Total)
	o.text("currency", m.Currency)
	o.key("payment")
	o.b = m.Payment.AppendJSON(o.b)
	o.key("buyer")
	o.b = m.Buyer.AppendJSON(o.b)
	o.time("at", m.At)
	return o.end()
}

func (m *OrderMessage) parse(text string) (rest string, ok bool) {
	in := membersOf(text)
	if in.next("order") {
		m.Order = in.text()
	}
	if in.next("hold") {
		m.Hold = in.text()
	}
	if in.next("event") {
		m.Event = in.text()
	}
	if in.next("fan") {
		m.Fan = in.text()
	}
	if in.next("seats") {
		m.Seats = in.quotes()
	}
	if in.next("total") {
		m.Total = in.number()
	}
	if in.next("currency") {
		m.Currency = in.text()
	}
	if in.next("payment") {
		in.took(m.Payment.parse(in.rest))
	}
	if in.next("buyer") {
		in.took(m.Buyer.parse(in.rest))
	}
	if in.next("at") {
		m.At = in.time()
	}
	return in.end()
}

// AppendJSON appends the payment to b.
func (p Payment) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("method", p.Method)
	return o.end()
}

func (p *Payment) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("method") {
		p.Method = m.text()
	}
	return m.end()
}

// AppendJSON appends the buyer to b.
func (p Buyer) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("name", p.Name)
	o.text("email", p.Email)
	return o.end()
}

func (p *Buyer) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("name") {
		p.Name = m.text()
	}
	if m.next("email") {
		p.Email = m.text()
	}
	return m.end()
}

// quotes appends a list of them, null if there is none.
func (o *object) quotes(k string, quotes []SeatQuote) {
	o.key(k)
	o.b = appendAll(o.b, quotes, (*SeatQuote).appendJSON)
}

func (m *members) quotes() []SeatQuote { return objects[SeatQuote](m) }

func (q *SeatQuote) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("id", q.ID)
	o.text("label", q.Label)
	o.text("level", q.Level)
	o.key("price")
	o.b = q.Price.appendJSON(o.b)
	o.number("price_version", q.Version)
	if q.Notes != 0 {
		o.list("notes", q.Notes.Words())
	}
	o.some("concession", q.Concession)
	o.some("promotion", q.Promotion)
	o.nonzero("list", q.List)
	return o.end()
}

func (q *SeatQuote) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("id") {
		q.ID = m.text()
	}
	if m.next("label") {
		q.Label = m.text()
	}
	if m.next("level") {
		q.Level = m.text()
	}
	if m.next("price") {
		q.Price = m.amounts()
	}
	if m.next("price_version") {
		q.Version = m.number()
	}
	if m.next("notes") {
		if _, ok := q.Notes.add(m.texts()); !ok {
			m.spoil()
		}
	}
	if m.next("concession") {
		q.Concession = m.text()
	}
	if m.next("promotion") {
		q.Promotion = m.text()
	}
	if m.next("list") {
		q.List = m.number()
	}
	return m.end()
}

// appendJSON is as direct as it can be: a hold of two seats has six amounts.
func (a Amounts) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"base":`...), a.Base, 10)
	b = strconv.AppendInt(append(b, `,"service_fee":`...), a.ServiceFee, 10)
	b = strconv.AppendInt(append(b, `,"facility_fee":`...), a.FacilityFee, 10)
	b = strconv.AppendInt(append(b, `,"total":`...), a.Total, 10)
	if a.Tax != 0 {
		b = strconv.AppendInt(append(b, `,"tax":`...), a.Tax, 10)
	}
	return append(b, '}')
}

// amounts is no method of Amounts, which is part of other records.
func (m *members) amounts() (a Amounts) {
	in := membersOf(m.rest)
	if in.next("base") {
		a.Base = in.number()
	}
	if in.next("service_fee") {
		a.ServiceFee = in.number()
	}
	if in.next("facility_fee") {
		a.FacilityFee = in.number()
	}
	if in.next("total") {
		a.Total = in.number()
	}
	if in.next("tax") {
		a.Tax = in.number()
	}
	m.took(in.end())
	return a
}
