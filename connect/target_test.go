package connect

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplitTarget(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		host string
		port uint16
	}{
		"10.0.0.1:5001":          {"10.0.0.1", 5001},
		"[::1]:5001":             {"::1", 5001},
		"[fe80::1%eth0]:1":       {"fe80::1%eth0", 1},
		"web.example:65535":      {"web.example", 65535},
		"mconnect.default.svc:1": {"mconnect.default.svc", 1},
	} {
		host, port, err := SplitTarget(text)
		require.NoError(t, err)
		assert.Equal(t, want.host, host)
		assert.Equal(t, want.port, port)
	}
}

func TestSplitTargetSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":              "missing port",
		"web":           "missing port",
		"web:":          `"" is no port`,
		"web:0":         `"0" is no port`,
		"web:65536":     `"65536" is no port`,
		"web:http":      `"http" is no port`,
		"web:-1":        `"-1" is no port`,
		":5001":         `"" is no host`,
		"::1:5001":      "too many colons",
		"http://web:80": "is a URL; want host:port, such as web:80, without http://",
		"web/path:80":   "is no host",
		"web space:80":  "is no host",
		"[::1]":         "missing port",
	} {
		_, _, err := SplitTarget(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, strconv.Quote(text))
		assert.ErrorContains(t, err, "want host:port")
	}
}

func TestSplitTargetWantsTheInterface(t *testing.T) {
	t.Parallel()
	_, _, err := SplitTarget("[fe80::1]:80")
	assert.EqualError(t, err, `"[fe80::1]:80": a link-local address needs the interface that it is on, such as [fe80::1%eth0]:80`)
}

func TestParseTarget(t *testing.T) {
	t.Parallel()
	got, err := ParseTarget("[::ffff:10.0.0.1]:80")
	require.NoError(t, err)
	assert.Equal(t, netip.MustParseAddrPort("10.0.0.1:80"), got.Addr, "an IPv4 address in IPv6 clothes is IPv4")
	_, err = ParseTarget("web:80")
	assert.ErrorContains(t, err, "ResolveTarget")
}

func TestResolveTarget(t *testing.T) {
	t.Parallel()
	local, err := ResolveTarget("localhost:80")
	require.NoError(t, err)
	assert.True(t, local.Addr.Addr().IsLoopback())
	unknown, err := ResolveTarget("no-such-host.invalid:80")
	require.NoError(t, err)
	assert.Equal(t, ClassDNS, unknown.Class)
	assert.Error(t, unknown.Err)
	_, err = ResolveTarget("localhost")
	assert.Error(t, err)
}

func FuzzSplitTarget(f *testing.F) {
	for _, seed := range []string{"10.0.0.1:80", "[::1]:80", "web:1", "[fe80::1%1]:2", "::", "[", ":", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, port, err := SplitTarget(text)
		if err != nil {
			return
		}
		assert.NotEmpty(t, host)
		assert.NotZero(t, port)
		again, samePort, err := SplitTarget(net.JoinHostPort(host, strconv.Itoa(int(port))))
		require.NoError(t, err)
		assert.Equal(t, host, again)
		assert.Equal(t, port, samePort)
	})
}
