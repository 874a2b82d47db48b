// Package ja4 computes the JA4 fingerprint of a TLS client from its ClientHello, and maps
// fingerprints to families of programs. It is pure.
//
//	t13d1516h2_8daaf6152771_e5627efa2ab1
//	│││ │ │ │  └ ciphers    └ extensions and signature algorithms
//	│││ │ │ └ first and last character of the first ALPN value
//	│││ │ └ number of extensions
//	│││ └ number of ciphers
//	││└ d: a domain was named (SNI), i: none was
//	│└ the highest TLS version offered
//	└ t: TLS over TCP
//
// JA4 is FoxIO's, "JA4: TLS Client Fingerprinting"
// (github.com/FoxIO-LLC/ja4, technical_details/JA4.md), which FoxIO licenses as
// BSD-3-Clause. The licence of the other JA4+ methods forbids commercial use; none of them
// is here.
//
// A fingerprint names a TLS library, not a person: millions share one, and a
// program can imitate another's. It is a hint for a score, never a key.
package ja4
