package ping_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// The lines are perftest's; the first is the one in its documentation.
func TestFormat(t *testing.T) {
	t.Parallel()
	const us = time.Microsecond
	for _, test := range []struct {
		name   string
		result ping.Result
		want   string
	}{
		{
			"an answer over IPv6",
			ping.Result{
				Start: time.Unix(1564408108, 999), URL: "http://localhost:8080/v1/ping", From: "192.168.1.10",
				DNS: 2825 * us, Connect: 1608 * us, FirstByte: 414 * us, LastByte: 73 * us, Total: 2179 * us,
				Status: 200, Size: 116, RemoteAddr: netip.MustParseAddrPort("[::1]:8080"),
			},
			"1564408108\t2.825\t1.608\t0.000\t0.414\t0.073\t2.179\t200\t116\t192.168.1.10\t[::1]\thttp://localhost:8080/v1/ping",
		},
		{
			"no answer",
			ping.Result{Start: time.Unix(7, 0), URL: "https://a/", Total: 3 * time.Second, Connect: 3 * time.Second, RemoteAddr: netip.MustParseAddrPort("10.0.0.1:443")},
			"7\t0.000\t3000.000\t0.000\t0.000\t0.000\t3000.000\t500\t0\t\t10.0.0.1\thttps://a/",
		},
		{
			"no address",
			ping.Result{Start: time.Unix(7, 0), URL: "https://a/", DNS: 1500 * us},
			"7\t1.500\t0.000\t0.000\t0.000\t0.000\t0.000\t500\t0\t\t-\thttps://a/",
		},
		{
			"an answer that was cut off",
			ping.Result{Start: time.Unix(7, 0), URL: "https://a/", Status: 200, Size: 20, Class: class.NoReply, FailedIn: ping.PhaseLastByte},
			"7\t0.000\t0.000\t0.000\t0.000\t0.000\t0.000\t500\t20\t\t-\thttps://a/",
		},
		{
			"a name that would break the line",
			ping.Result{Start: time.Unix(7, 0), URL: "https://a/\n", From: "Bremen\t\r\n\x1b[2J\u0085\u2028Süd", Status: 200},
			"7\t0.000\t0.000\t0.000\t0.000\t0.000\t0.000\t200\t0\tBremen    [2J  Süd\t-\thttps://a/ ",
		},
	} {
		assert.Equal(t, test.want, test.result.Format(), test.name)
		assert.Equal(t, test.want, test.result.String(), test.name)
	}
}
