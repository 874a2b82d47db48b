package risk

import (
	"net/http"
	"time"
)

// Signals are those of one request. The zero value of each says nothing, except that a
// missing header is a sign.
type Signals struct {
	Headers
	JA4    string // empty: not known
	Secure bool   // it came over HTTPS, where browsers send more headers

	FanKnown   bool          // it had a fan cookie of ours
	FanAge     time.Duration // since the cookie was issued; 0: unknown, which is long ago
	FanEarned  bool          // the cookie was issued in this network a while ago, and its page has been seen in use since
	FanOwes    bool          // the network had so many new fans that this one owes a proof
	Datacenter bool          // the address is in one of the operator's ranges

	// Used shares of budgets (package limit), from 0 to 1.
	AddressJoins, NetworkJoins float64
	NetworkStrangers           float64 // joins without a cookie of ours
	Rotation                   float64 // addresses of this network seen for the first time
	FanHolds, AddressHolds     float64
	FanSpins, NetworkSpins     float64 // holds that ended without a sale, in whatever way

	// Shares of the event's seats granted lately and not bought.
	AddressSeats, NetworkSeats float64
}

// Headers are those by which a request describes its program.
type Headers struct {
	UserAgent, Accept, AcceptLanguage, AcceptEncoding string
	Brands, Mobile, Platform                          string // Sec-CH-UA, -Mobile, -Platform
	FetchSite                                         string // Sec-Fetch-Site
}

// HeadersOf reads a request's headers. It uses the spelling of net/http, since
// canonicalizing any other costs time.
func HeadersOf(h http.Header) Headers {
	return Headers{UserAgent: h.Get("User-Agent"), Accept: h.Get("Accept"), AcceptLanguage: h.Get("Accept-Language"),
		AcceptEncoding: h.Get("Accept-Encoding"), Brands: h.Get("Sec-Ch-Ua"), Mobile: h.Get("Sec-Ch-Ua-Mobile"),
		Platform: h.Get("Sec-Ch-Ua-Platform"), FetchSite: h.Get("Sec-Fetch-Site")}
}
