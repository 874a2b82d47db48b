package wire

// AppendJSON appends the record to b.
func (r PassRecord) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("id", r.ID)
	o.text("fan", r.Fan)
	o.text("lane", r.Lane)
	o.text("region", r.Region)
	o.unsigned("number", r.Number)
	o.nonzero("turn", int64(r.Turn))
	o.number("limit", int64(r.Limit))
	o.some("channel", r.Channel)
	o.some("code", r.Code)
	o.some("device", r.Device)
	o.some("session", r.Session)
	o.some("key", r.Key)
	o.nonzero("priced", r.Priced)
	o.time("at", r.At)
	o.time("expires", r.Expires)
	o.some("was", r.Was)
	o.nonzero("moves", int64(r.Moves))
	o.someTime("revoked", r.Revoked)
	o.some("why", r.Why)
	return o.end()
}

func (r *PassRecord) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("id") {
		r.ID = m.text()
	}
	if m.next("fan") {
		r.Fan = m.text()
	}
	if m.next("lane") {
		r.Lane = m.text()
	}
	if m.next("region") {
		r.Region = m.text()
	}
	if m.next("number") {
		r.Number = m.unsigned()
	}
	if m.next("turn") {
		r.Turn = m.count()
	}
	if m.next("limit") {
		r.Limit = m.count()
	}
	if m.next("channel") {
		r.Channel = m.text()
	}
	if m.next("code") {
		r.Code = m.text()
	}
	if m.next("device") {
		r.Device = m.text()
	}
	if m.next("session") {
		r.Session = m.text()
	}
	if m.next("key") {
		r.Key = m.text()
	}
	if m.next("priced") {
		r.Priced = m.number()
	}
	if m.next("at") {
		r.At = m.time()
	}
	if m.next("expires") {
		r.Expires = m.time()
	}
	if m.next("was") {
		r.Was = m.text()
	}
	if m.next("moves") {
		r.Moves = m.count()
	}
	if m.next("revoked") {
		r.Revoked = m.time()
	}
	if m.next("why") {
		r.Why = m.text()
	}
	return m.end()
}

// AppendJSON appends the request to b.
func (r RedeemRequest) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.key("place")
	o.b = r.Place.AppendJSON(o.b)
	o.some("device", r.Device)
	o.some("session", r.Session)
	o.some("key", r.Key)
	return o.end()
}

func (r *RedeemRequest) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("place") {
		m.took(r.Place.parse(m.rest))
	}
	if m.next("device") {
		r.Device = m.text()
	}
	if m.next("session") {
		r.Session = m.text()
	}
	if m.next("key") {
		r.Key = m.text()
	}
	return m.end()
}

// AppendJSON appends the answer to b.
func (r RedeemReply) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.some("pass", r.Pass)
	o.someTime("expires_at", r.Expires)
	o.problem(r.Problem)
	return o.end()
}

func (r *RedeemReply) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("pass") {
		r.Pass = m.text()
	}
	if m.next("expires_at") {
		r.Expires = m.time()
	}
	r.Problem = m.problem()
	return m.end()
}

// AppendJSON appends the claims to b.
func (c PassClaims) AppendJSON(b []byte) []byte {
	o := object{b: b}
	o.some("iss", c.Issuer)
	o.some("sub", c.Fan)
	o.list("aud", c.Events)
	o.nonzero("exp", c.Expires)
	o.nonzero("nbf", c.NotBefore)
	o.nonzero("iat", c.At)
	o.some("jti", c.ID)
	o.text("lane", c.Lane)
	o.number("limit", int64(c.Limit))
	o.some("channel", c.Channel)
	o.some("dev", c.Device)
	o.nonzero("priced", c.Priced)
	if c.Confirm != nil {
		o.key("cnf")
		o.b = c.Confirm.appendJSON(o.b)
	}
	return o.end()
}

func (c *PassClaims) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("iss") {
		c.Issuer = m.text()
	}
	if m.next("sub") {
		c.Fan = m.text()
	}
	if m.next("aud") {
		c.Events = m.texts()
	}
	if m.next("exp") {
		c.Expires = m.number()
	}
	if m.next("nbf") {
		c.NotBefore = m.number()
	}
	if m.next("iat") {
		c.At = m.number()
	}
	if m.next("jti") {
		c.ID = m.text()
	}
	if m.next("lane") {
		c.Lane = m.text()
	}
	if m.next("limit") {
		c.Limit = m.count()
	}
	if m.next("channel") {
		c.Channel = m.text()
	}
	if m.next("dev") {
		c.Device = m.text()
	}
	if m.next("priced") {
		c.Priced = m.number()
	}
	if m.next("cnf") {
		c.Confirm = new(KeyClaim)
		m.took(c.Confirm.parse(m.rest))
	}
	return m.end()
}

func (k *KeyClaim) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("jkt", k.Thumbprint)
	return o.end()
}

func (k *KeyClaim) parse(text string) (rest string, ok bool) {
	m := membersOf(text)
	if m.next("jkt") {
		k.Thumbprint = m.text()
	}
	return m.end()
}
