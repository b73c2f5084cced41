package ping_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// heard is a peer that answers each request, and tells the lines of its header.
func heard(t *testing.T) (address string, headers <-chan []string) {
	t.Helper()
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	told := make(chan []string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			told <- headerLines(conn)
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), told
}

func headerLines(conn net.Conn) []string {
	var lines []string
	for in := bufio.NewScanner(conn); in.Scan() && in.Text() != ""; {
		lines = append(lines, in.Text())
	}
	return lines
}

// Whatever stands in a URL, a request line has three words, and one request is sent.
func TestRequestLine(t *testing.T) {
	address, headers := heard(t)
	for given, want := range map[string]string{
		"":                                  "/",
		"?":                                 "/?",
		"/x? /v1/quit HTTP/1.0":             "/x?%20/v1/quit%20HTTP/1.0",
		"/a b/%2F c?d e":                    "/a%20b/%2F%20c?d%20e",
		"/?q=a+b&c=%20":                     "/?q=a+b&c=%20",
		"?x y":                              "/?x%20y",
		"/bücher?straße=ä":                  "/b%C3%BCcher?stra%C3%9Fe=%C3%A4",
		`/"<>^|{}` + "`\\":                  "/%22%3C%3E%5E%7C%7B%7D%60%5C",
		`/?"<>'^|{}[]`:                      "/?%22%3C%3E'^|{}[]",
		"/a;b=1,2/@:!$&'()*~":               "/a;b=1,2/@:!$&'()*~",
		"/p?q#f g":                          "/p?q",
		"/p ":                               "/p",
		"/?\u202e\u2028":                    "/?%E2%80%AE%E2%80%A8",
		"//double//x":                       "//double//x",
		"/../a/./b":                         "/../a/./b",
		"/?%zz":                             "/?%zz",
		"/" + strings.Repeat("a b", 10_000): "/" + strings.Repeat("a%20b", 10_000),
	} {
		t.Run(strings.ToValidUTF8(given[:min(len(given), 20)], ""), func(t *testing.T) {
			r, err := ping.Do(context.Background(), ping.Plan{URL: "http://" + address + given})
			require.NoError(t, err)
			require.NoError(t, r.Err)
			lines := <-headers
			assert.Equal(t, "GET "+want+" HTTP/1.1", lines[0])
			assert.Equal(t, "Host: "+address, lines[1])
		})
	}
}

// What can't be escaped is refused before anything is sent, and told without doing harm.
func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"a line break":             "http://a/x\r\nX: y",
		"a line break in a query":  "http://a/?x\n",
		"a line break at the end":  "http://a/\n",
		"a NUL":                    "http://a/\x00",
		"a tab":                    "http://a/\tb",
		"an escape character":      "http://a/\x1b[31m",
		"a DEL":                    "http://a/?\x7f",
		"a space in the host":      "http://a b/",
		"a tab in the host":        "http://a\tb/",
		"an escape in the host":    "http://a%0d%0ab/",
		"a host of no name":        "http://ü_x/",
		"a host that is too long":  "http://" + strings.Repeat("ü", 70) + "/",
		"a reordered host":         "http://ü\u202e/",
		"a space in the user":      "http://a b:c@d/",
		"a line break in the user": "http://a:\r\n@d/",
		"a broken escape":          "http://a/%zz",
		"a port that is too large": "http://a:99999/",
		"a port of letters":        "http://a:ü/",
		"no interface":             "http://[fe80::1]/",
		"another scheme":           "gopher://a/",
		"a scheme of control":      "\x1b://a/",
		"no end":                   "http://a/" + strings.Repeat("ü", 1<<20),
	} {
		_, err := ping.Do(context.Background(), ping.Plan{URL: url})
		require.Error(t, err, name)
		assert.ErrorContains(t, err, "want ", name)
		assert.Less(t, len(err.Error()), 800, name)
		assert.True(t, utf8.ValidString(err.Error()), name)
		assert.NotContains(t, err.Error(), "\x1b", name)
		assert.NotContains(t, err.Error(), "\n", name)
	}
	for name, plan := range map[string]ping.Plan{
		"a line break in a header":      {Header: http.Header{"A": {"b\r\nC: d"}}},
		"a line break in a name":        {Header: http.Header{"A\r\nB": {"c"}}},
		"a host with a line break":      {Header: http.Header{"Host": {"a\r\nb"}}},
		"a host with a space":           {Header: http.Header{"Host": {"a b"}}},
		"a host of no name":             {Header: http.Header{"Host": {"ü\u202e"}}},
		"a NUL in a header":             {Header: http.Header{"A": {"\x00"}}},
		"a method with a line":          {Method: "GET / HTTP/1.1\r\nX:"},
		"a method of another alphabet":  {Method: "ΓET"},
		"a header without end":          {Header: http.Header{"A": {strings.Repeat("ü", 1<<20)}}},
		"a header that is wrong, large": {Header: http.Header{"A": {strings.Repeat("ü", 1<<20) + "\n"}}},
		"a header's name without end":   {Header: http.Header{strings.Repeat("ü", 1<<20): {""}}},
	} {
		plan.URL = "http://127.0.0.1:1/"
		_, err := ping.Do(context.Background(), plan)
		require.Error(t, err, name)
		assert.Less(t, len(err.Error()), 800, name)
		assert.True(t, utf8.ValidString(err.Error()), name)
		assert.NotContains(t, err.Error(), "\n", name)
	}
}

// A name of another alphabet is looked up, and told to the server, as DNS has it.
func TestInternationalNames(t *testing.T) {
	address, headers := heard(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for given, want := range map[string]string{
		"bücher.example":        "xn--bcher-kva.example",
		"b%C3%BCcher.example":   "xn--bcher-kva.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example",
		"ＬＯＣＡＬＨＯＳＴ":             "localhost",
		"LocalHost":             "LocalHost",
	} {
		var asked string
		plan := ping.Plan{URL: "http://" + given + ":" + port + "/", Resolve: func(_ context.Context, host string, port uint16) ([]netip.AddrPort, error) {
			asked = host
			return []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)}, nil
		}}
		r, err := ping.Do(context.Background(), plan)
		require.NoError(t, err, given)
		require.NoError(t, r.Err, given)
		assert.Equal(t, want, asked, given)
		assert.Equal(t, "http://"+want+":"+port+"/", r.URL)
		assert.Contains(t, <-headers, "Host: "+want+":"+port)

		plan.URL, plan.Header = "http://a:"+port+"/", http.Header{"Host": {strings.ReplaceAll(given, "%C3%BC", "ü") + ":8080"}}
		r, err = ping.Do(context.Background(), plan)
		require.NoError(t, err, given)
		require.NoError(t, r.Err, given)
		assert.Contains(t, <-headers, "Host: "+want+":8080")
	}
	r, err := ping.Do(context.Background(), ping.Plan{URL: "http://１２７.０.０.１:" + port})
	require.NoError(t, err)
	require.NoError(t, r.Err)
	assert.Zero(t, r.DNS, "it is an address")
	assert.Contains(t, <-headers, "Host: 127.0.0.1:"+port)
}
