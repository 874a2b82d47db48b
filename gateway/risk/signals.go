package risk

import (
	"net/http"
	"time"
)

// Signals is what is seen of one request. The zero value of each is no sign of
// anything, but for the header fields, whose absence is one.
type Signals struct {
	Headers
	JA4    string // empty: not known
	Secure bool   // it came over HTTPS: browsers tell more of themselves then

	FanKnown   bool          // it had a fan's cookie of ours
	FanAge     time.Duration // since that was issued; 0: not known, which is long ago
	FanEarned  bool          // it was issued in this network a while ago, and its page was seen in use since
	FanOwes    bool          // the network had so many new fans that this one owes a proof
	Datacenter bool          // the address is in a range of the operator's list

	// Shares of budgets that are used (package limit): 0 of nothing, 1 of all.
	AddressJoins, NetworkJoins float64
	NetworkStrangers           float64 // joins without a cookie of ours
	Rotation                   float64 // addresses of this network seen for the first time
	FanHolds, AddressHolds     float64
	FanSpins, NetworkSpins     float64 // holds that ended without a sale, in whatever way

	// Shares of the event's seats that were granted lately and not bought.
	AddressSeats, NetworkSeats float64
}

// Headers is what a request says of its program.
type Headers struct {
	UserAgent, Accept, AcceptLanguage, AcceptEncoding string
	Brands, Mobile, Platform                          string // Sec-CH-UA, -Mobile, -Platform
	FetchSite                                         string // Sec-Fetch-Site
}

// HeadersOf reads a request's headers.
func HeadersOf(h http.Header) Headers {
	return Headers{UserAgent: h.Get("User-Agent"), Accept: h.Get("Accept"), AcceptLanguage: h.Get("Accept-Language"),
		AcceptEncoding: h.Get("Accept-Encoding"), Brands: h.Get("Sec-CH-UA"), Mobile: h.Get("Sec-CH-UA-Mobile"),
		Platform: h.Get("Sec-CH-UA-Platform"), FetchSite: h.Get("Sec-Fetch-Site")}
}
