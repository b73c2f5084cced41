package sockets

import (
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQueryThereAndBack(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		query  Query
		values string
		text   string
	}{
		"all":          {Query{}, "", "all TCP sockets"},
		"a port":       {Query{Port: 8080}, "port=8080", "TCP sockets of local port 8080"},
		"a process":    {Query{PID: 12}, "pid=12", "TCP sockets of process 12"},
		"both":         {Query{PID: 12, Port: 65535}, "pid=12&port=65535", "TCP sockets of local port 65535 and process 12"},
		"with queue":   {Query{Port: 1, Queue: true}, "port=1&queue=true", "TCP sockets of local port 1"},
		"peer":         {Query{Peer: netip.MustParseAddrPort("10.0.0.1:80")}, "peer=10.0.0.1%3A80", "TCP sockets of peer 10.0.0.1:80"},
		"IPv6 peer":    {Query{Peer: netip.MustParseAddrPort("[fe80::1]:80")}, "peer=%5Bfe80%3A%3A1%5D%3A80", "TCP sockets of peer [fe80::1]:80"},
		"peer's addr.": {Query{Peer: netip.AddrPortFrom(netip.MustParseAddr("::1"), 0)}, "peer=%3A%3A1", "TCP sockets of peer ::1"},
		"peer's port":  {Query{Peer: netip.AddrPortFrom(netip.Addr{}, 80)}, "peer=%3A80", "TCP sockets of peer :80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.values, row.query.Values().Encode())
			assert.Equal(t, row.text, row.query.String())
			again, err := ParseQuery(row.query.Values())
			require.NoError(t, err)
			assert.Equal(t, row.query, again)
		})
	}
}

func TestWrongQueries(t *testing.T) {
	t.Parallel()
	for values, message := range map[string]string{
		"port=":              `port "": must be a local TCP port from 1 to 65535`,
		"port=0":             `port "0": must be`,
		"port=65536":         `port "65536": must be`,
		"port=-1":            `port "-1": must be`,
		"port=http":          `port "http": must be`,
		"port=1&port=2":      "port: given 2 times",
		"pid=0":              `pid "0": must be the number of a process`,
		"pid=self":           `pid "self": must be`,
		"pid=../1":           `pid "../1": must be`,
		"pid=99999999999999": "must be the number of a process",
		"peer=":              `peer "": must be an IP address`,
		"peer=:0":            `peer ":0": must be`,
		"peer=web-1:80":      `peer "web-1:80": must be`,
		"queue=maybe":        `queue "maybe": must be true or false`,
		"prot=80":            `"prot" is not a parameter: use port, pid, peer and queue`,
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			parsed, err := url.ParseQuery(values)
			require.NoError(t, err)
			_, err = ParseQuery(parsed)
			assert.ErrorContains(t, err, message)
		})
	}
}
