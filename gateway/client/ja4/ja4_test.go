package ja4

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"
)

// numbers reads "1301,1302".
func numbers(t *testing.T, s string) (values []uint16) {
	t.Helper()
	for _, h := range strings.Split(s, ",") {
		v, err := strconv.ParseUint(h, 16, 16)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, uint16(v))
	}
	return values
}

// The lists are those that FoxIO publishes as JA4_ro for the captures of its
// test suite, in the order of the wire; the fingerprints are FoxIO's.
func TestOfficialVectors(t *testing.T) {
	t.Parallel()
	const chrome = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
	const chromeSigs = "0403,0804,0401,0503,0805,0501,0806,0601"
	for _, c := range []struct {
		name, want, ciphers, extensions, signatures string
		version                                     uint16
		alpn                                        string
	}{
		{"the specification's example", "t13d1516h2_8daaf6152771_e5627efa2ab1", chrome,
			"001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015", chromeSigs, tls.VersionTLS13, "h2"},
		{"tls-sni.pcapng: a web socket", "t13d1516h1_8daaf6152771_e5627efa2ab1", chrome,
			"000d,0033,0000,ff01,002b,0023,002d,0005,0012,000b,0017,4469,0010,001b,000a,0015", chromeSigs, tls.VersionTLS13, "http/1.1"},
		{"tls-sni.pcapng: no ALPN", "t13d151400_8daaf6152771_de4a06bb82e3", chrome,
			"0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015", chromeSigs, tls.VersionTLS13, ""},
		{"tls-sni.pcapng: resumed", "t13d1517h1_8daaf6152771_6cdcb247c39b", chrome,
			"0000,0017,0005,002b,0012,0023,000a,0033,0010,002d,001b,4469,000b,000d,ff01,0015,0029", chromeSigs, tls.VersionTLS13, "http/1.1"},
		{"tls-non-ascii-alpn.pcapng", "t13d151699_8daaf6152771_e5627efa2ab1", chrome,
			"ff01,0033,002d,0005,4469,000d,0010,0023,001b,002b,0000,0012,000a,0017,000b,0015", chromeSigs, tls.VersionTLS13, "\x99\x99"},
		{"tls12.pcap: Firefox", "t13d1715h2_5b57614c22b0_3d5424432f57",
			"1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
			"0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
			"0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201", tls.VersionTLS13, "h2"},
		{"tls-alpn-h2.pcap: TLS 1.2, 46 ciphers", "t12d4605h2_85626a9a5f7f_aaf95bb78ec9",
			"c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,c02f,c02b,c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,0016,000a,00ff",
			"0000,000b,000a,000d,0010", "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203", tls.VersionTLS12, "h2"},
		{"latest.pcapng: Windows", "t12d190800_d83cc789557e_7af1ed941c26",
			"c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a",
			"0000,0005,000a,000b,000d,0023,0017,ff01", "0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603", tls.VersionTLS12, ""},
	} {
		h := Hello{Versions: []uint16{c.version}, Ciphers: numbers(t, c.ciphers), Extensions: numbers(t, c.extensions), Signatures: numbers(t, c.signatures)}
		if c.alpn != "" {
			h.ALPN = []string{c.alpn, "http/1.1"}
		}
		if got := h.Fingerprint(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		// GREASE counts nowhere, whatever its place.
		h.Versions = append([]uint16{0xdada}, h.Versions...)
		h.Ciphers = append([]uint16{0x0a0a}, h.Ciphers...)
		h.Extensions = append([]uint16{0x7a7a}, append(h.Extensions, 0xfafa)...)
		h.Signatures = append(h.Signatures, 0x1a1a)
		if got := h.Fingerprint(); got != c.want {
			t.Errorf("%s, greased: %s, want %s", c.name, got, c.want)
		}
	}
}

// The rest of the specification's rules that the captures don't show.
func TestSpecifiedEdges(t *testing.T) {
	t.Parallel()
	for alpnValue, want := range map[string]string{
		"\xab": "ab", "\x20": "20", "\xab\xcd": "ad", "\x20\x61": "21", "\x30\xab": "3b", "\x61\x20": "60",
		"\x30\x31\xab\xcd": "3d", "\x30\xab\xcd\x31": "01", "": "00", "h": "hh", "http/1.1": "h1",
	} {
		if got := alpn([]string{alpnValue}); got != want {
			t.Errorf("ALPN %q: %s, want %s", alpnValue, got, want)
		}
	}
	if got := (Hello{}).Fingerprint(); got != "t00i000000_000000000000_000000000000" {
		t.Errorf("an empty hello: %s", got)
	}
	if got := (Hello{Extensions: numbers(t, "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01")}).Fingerprint(); !strings.HasSuffix(got, "_6d807ffa2a79") {
		t.Errorf("without signature algorithms: %s", got)
	}
	many := make([]uint16, 120)
	for i := range many {
		many[i] = uint16(0x1000 + i)
	}
	if got := (Hello{Ciphers: many}).Fingerprint(); !strings.HasPrefix(got, "t00i990000_") {
		t.Errorf("120 ciphers: %s", got)
	}
}

// TestOfARealHandshake reads what crypto/tls itself sends.
func TestOfARealHandshake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config *tls.Config
		prefix string
	}{
		"TLS 1.3":       {&tls.Config{ServerName: "shop.example", NextProtos: []string{"h2", "http/1.1"}}, "t13d"},
		"TLS 1.2":       {&tls.Config{ServerName: "shop.example", MaxVersion: tls.VersionTLS12}, "t12d"},
		"no name given": {&tls.Config{InsecureSkipVerify: true}, "t13i"},
	} {
		var got string
		near, far := net.Pipe()
		go func() {
			_ = tls.Client(near, c.config).Handshake()
			_ = near.Close()
		}()
		_ = tls.Server(far, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			got = Of(h)
			return nil, net.ErrClosed
		}}).Handshake()
		_ = far.Close()
		if !strings.HasPrefix(got, c.prefix) || !Valid(got) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	t.Parallel()
	for fingerprint, want := range map[string]Family{
		"t13d1516h2_8daaf6152771_b186095e22b6":    Chromium,
		"t13d1517h1_8daaf6152771_6cdcb247c39b":    Chromium,
		"t13d1715h2_5b57614c22b0_7121afd63204":    Firefox,
		"t13d2014h2_a09f3c656075_14788d8d241b":    Safari,
		"t13d190900_9dc949149365_97f8aa674fd9":    Tool,
		"t13i181000_85036bcba153_d41ae481755e":    Tool,
		"t13d151400_8daaf6152771_de4a06bb82e3":    Tool, // no ALPN
		"t13d9999h2_0123456789ab_0123456789ab":    Unknown,
		"t10d1516h2_0123456789ab_0123456789ab":    Tool,
		"t13d1516h2_8daaf6152771_b186095e22b6xxx": Unknown,
		"t13d1516h2 8daaf6152771 b186095e22b6":    Unknown,
		"t13d1516h2_8daaf61\n2771_b186095e22b6":   Unknown,
		"":                                        Unknown,
	} {
		if got := FamilyOf(fingerprint); got != want {
			t.Errorf("%q: %q, want %q", fingerprint, got, want)
		}
	}
}
