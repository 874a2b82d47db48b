package client

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func networks(t testing.TB, texts ...string) *Networks {
	t.Helper()
	n, err := ParseNetworks(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOf(t *testing.T) {
	t.Parallel()
	trusted := networks(t, "10.0.0.0/8", "127.0.0.0/8", "2001:db8:aa::/48")
	long := strings.Repeat("192.0.2.9, ", 40)
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
		trusted      bool
		garbled      bool
	}{
		{"direct", "192.0.2.1:99", nil, "192.0.2.1", false, false},
		{"a stranger's header", "192.0.2.1:99", []string{"198.51.100.7"}, "192.0.2.1", false, false},
		{"one proxy", "10.0.0.1:99", []string{"198.51.100.7"}, "198.51.100.7", true, false},
		{"the fan lies to the left", "10.0.0.1:99", []string{"203.0.113.1, 198.51.100.7"}, "198.51.100.7", true, false},
		{"the fan claims to be a proxy", "10.0.0.1:99", []string{"203.0.113.1, 10.0.0.9, 198.51.100.7"}, "198.51.100.7", true, false},
		{"two proxies", "10.0.0.1:99", []string{"198.51.100.7, 10.0.0.2"}, "198.51.100.7", true, false},
		{"a header a hop", "10.0.0.1:99", []string{"203.0.113.1", "198.51.100.7", "10.0.0.2"}, "198.51.100.7", true, false},
		{"no header", "10.0.0.1:99", nil, "10.0.0.1", true, false},
		{"only proxies", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", true, false},
		{"empty", "10.0.0.1:99", []string{""}, "10.0.0.1", true, true},
		{"unknown", "10.0.0.1:99", []string{"unknown"}, "10.0.0.1", true, true},
		{"garbage by the second proxy", "10.0.0.1:99", []string{"198.51.100.7, <script>, 10.0.0.2"}, "10.0.0.2", true, true},
		{"with a port", "10.0.0.1:99", []string{"198.51.100.7:4711"}, "198.51.100.7", true, false},
		{"IPv6 with a port", "10.0.0.1:99", []string{"[2001:db8::7]:4711"}, "2001:db8::7", true, false},
		{"IPv4 in IPv6", "10.0.0.1:99", []string{"::ffff:198.51.100.7"}, "198.51.100.7", true, false},
		{"IPv6 zone", "[fe80::1%eth0]:99", nil, "fe80::1", false, false},
		{"IPv6 proxy", "[2001:db8:aa::1]:99", []string{"2001:db8:bb::7"}, "2001:db8:bb::7", true, false},
		{"dual-stack peer", "[::ffff:10.0.0.1]:99", []string{"198.51.100.7"}, "198.51.100.7", true, false},
		{"a long list", "10.0.0.1:99", []string{long + "198.51.100.7"}, "198.51.100.7", true, false},
		{"no address at all", "@", nil, "", false, false},
	} {
		got := Of(c.remote, c.forwarded, trusted)
		var want netip.Addr
		if c.want != "" {
			want = netip.MustParseAddr(c.want)
		}
		if got != (Client{want, c.trusted, c.garbled}) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c)
		}
	}
	if got := Of("127.0.0.1:1", []string{"192.0.2.1"}, nil); got.Addr.String() != "127.0.0.1" || got.Trusted {
		t.Errorf("without trusted proxies: %+v", got)
	}
}

// Whatever a client writes left of what the first trusted proxy added, it stays who it is.
func TestNobodyChoosesHisAddress(t *testing.T) {
	t.Parallel()
	trusted := networks(t, "10.0.0.0/8")
	rapid.Check(t, func(t *rapid.T) {
		forged := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"10.0.0.1", "203.0.113.9", "::1", ""})), 0, 20).Draw(t, "forged")
		c := Of("10.0.0.1:1", []string{strings.Join(append(forged, "198.51.100.7"), ",")}, trusted)
		if c.Addr.String() != "198.51.100.7" {
			t.Fatalf("%v: %v", forged, c)
		}
	})
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][2]string{
		"192.0.2.77":            {"192.0.2.77/32", "192.0.2.0/24"},
		"2001:db8:1:2:3:4:5:6":  {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:ffff::1234": {"2001:db8:1:ffff::/64", "2001:db8:1::/48"},
	} {
		c := Client{Addr: netip.MustParseAddr(addr)}
		if got := [2]string{c.Host().String(), c.Network().String()}; got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if (Client{}).Host().IsValid() {
		t.Error("nobody has a prefix")
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	n, err := ReadNetworks("networks", strings.NewReader("# clouds\n192.0.2.0/24\n\n2001:db8::/32 # and so on\n198.51.100.7\n::ffff:203.0.113.0/120\n"))
	if err != nil || n.Len() != 4 {
		t.Fatal(n, err)
	}
	for addr, want := range map[string]bool{"192.0.2.9": true, "192.0.3.9": false, "2001:db8:ffff::1": true, "2001:db9::1": false,
		"198.51.100.7": true, "198.51.100.8": false, "203.0.113.200": true} {
		if got := n.Contain(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	for _, bad := range []string{"192.0.2.0/33", "example.org", "192.0.2", "::ffff:0:0/64", "10.0.0.1/8", "2001:db8::1/32", "::ffff:203.0.113.7/120"} {
		if _, err := ParseNetworks(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	_, err = ReadNetworks("clouds.txt", strings.NewReader("192.0.2.0/24\n\tä.example # no\n10.0.0.1/8\n"))
	if want := `clouds.txt:2:2: "ä.example" is not an address or a range such as 192.0.2.0/24` + "\n" + `clouds.txt:3:1: "10.0.0.1/8" is an address and a range: write 10.0.0.1 or 10.0.0.0/8`; err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	if _, err := ReadNetworks("clouds.txt", strings.NewReader(strings.Repeat("x\n", 2*maxFaults))); err == nil || strings.Count(err.Error(), "\n") != maxFaults {
		t.Errorf("%v", err)
	}
	many := &strings.Builder{}
	for i := range maxNetworks + 1 {
		fmt.Fprintf(many, "10.%d.%d.%d\n", i>>16&255, i>>8&255, i&255)
	}
	if _, err := ReadNetworks("networks", strings.NewReader(many.String())); err == nil {
		t.Error("too many ranges were taken")
	}
}
