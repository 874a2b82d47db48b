package wire

// What is asked about a hold that stands, after it was granted.

// AppendJSON appends the request to b.
func (r ReleaseRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.some("fan", r.Fan)
	o.some("order", r.Order)
	o.some("by", r.By)
	o.some("why", r.Why)
	o.truth("ours", r.Ours)
	o.truth("again", r.Again)
	return o.end()
}

func (r *ReleaseRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("by") {
		r.By = m.text()
	}
	if m.next("why") {
		r.Why = m.text()
	}
	if m.next("ours") {
		r.Ours = m.truth()
	}
	if m.next("again") {
		r.Again = m.truth()
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r StandingReply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.someTime("expires_at", r.Expires)
	o.problem(r.Problem)
	return o.end()
}

func (r *StandingReply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("expires_at") {
		r.Expires = m.time()
	}
	r.Problem = m.problem()
	return m.end()
}

// AppendJSON appends the request to b.
func (r MoreTimeRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("fan", r.Fan)
	return o.end()
}

func (r *MoreTimeRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	return m.end()
}

// AppendJSON appends the request to b.
func (r ExtendRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("order", r.Order)
	o.truth("ours", r.Ours)
	return o.end()
}

func (r *ExtendRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("ours") {
		r.Ours = m.truth()
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r ExtendReply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.someTime("expires_at", r.Expires)
	if r.Revision != 0 {
		o.unsigned("revision", r.Revision)
	}
	o.problem(r.Problem)
	return o.end()
}

func (r *ExtendReply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("expires_at") {
		r.Expires = m.time()
	}
	if m.next("revision") {
		r.Revision = m.unsigned()
	}
	r.Problem = m.problem()
	return m.end()
}

// AppendJSON appends the request to b.
func (r ConfirmRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("order", r.Order)
	o.text("fan", r.Fan)
	o.quotes("seats", r.Seats)
	return o.end()
}

func (r *ConfirmRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("seats") {
		r.Seats = m.quotes()
	}
	return m.end()
}

// AppendJSON appends the request to b.
func (r StandingRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("order", r.Order)
	o.text("fan", r.Fan)
	return o.end()
}

func (r *StandingRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	return m.end()
}

// AppendJSON appends the request to b.
func (r RefundRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("hold", r.Hold)
	o.text("order", r.Order)
	o.text("fan", r.Fan)
	o.list("seats", r.Seats)
	o.truth("block", r.Block)
	o.some("by", r.By)
	o.some("why", r.Why)
	return o.end()
}

func (r *RefundRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("hold") {
		r.Hold = m.text()
	}
	if m.next("order") {
		r.Order = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("seats") {
		r.Seats = m.texts()
	}
	if m.next("block") {
		r.Block = m.truth()
	}
	if m.next("by") {
		r.By = m.text()
	}
	if m.next("why") {
		r.Why = m.text()
	}
	return m.end()
}
