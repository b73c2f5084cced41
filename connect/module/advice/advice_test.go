package advice

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Advice depends on more than the class where the same class has different causes.
func TestAdvice(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	rejected := connect.ICMPError{Err: other, From: netip.MustParseAddr("192.0.2.254"), Kind: "port unreachable"}
	for name, row := range map[string]struct {
		failure connect.Failure
		says    string
	}{
		"no SYN-ACK":                          {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonConnectTimeout}, "(option connectTimeout); check the route"},
		"no TLS handshake":                    {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonHandshakeTimeout}, "does not shake hands in time"},
		"nobody listens":                      {connect.Failure{Class: connect.ClassRefused, Network: "tcp", Err: other}, "backlog"},
		"nobody listens, for UDP":             {connect.Failure{Class: connect.ClassRefused, Network: "udp4", Err: other}, "check that a server listens there"},
		"a peer that closes":                  {connect.Failure{Class: connect.ClassClosed, Err: other}, "closes the connection"},
		"accepted, and silent":                {connect.Failure{Class: connect.ClassNoReply, Network: "tcp", Err: connect.ReasonNoAnswer}, "a balancer without a working backend"},
		"a datagram that is lost":             {connect.Failure{Class: connect.ClassNoReply, Network: "udp6", Err: connect.ReasonNoAnswer}, "the datagram or its answer was dropped"},
		"a header of a proxy":                 {connect.Failure{Class: connect.ClassBadReply, Err: connect.AnswerError{Reason: connect.ReasonProxyHeader, Begins: "PROXY TCP4"}}, `begins with "PROXY TCP4"; something on the way puts`},
		"no name":                             {connect.Failure{Class: connect.ClassBadReply, Err: connect.AnswerError{Reason: connect.ReasonNoName, Begins: "\x1b[2J"}}, `begins with "\x1b[2J"; the target answers something else`},
		"the call's time, after a long wait":  {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonTimeUp, After: 4 * time.Second}, "check the route"},
		"the call's time, in a handshake":     {connect.Failure{Class: connect.ClassTimeout, Network: "tls", Err: connect.ReasonTimeUpShaking, After: 4 * time.Second}, "(option timeout); the target accepts connections, but does not shake hands in time"},
		"the call's time, without an answer":  {connect.Failure{Class: connect.ClassNoReply, Network: "tcp", Err: connect.ReasonTimeUpUnanswered, After: 4 * time.Second}, "a balancer without a working backend"},
		"the call's time, with one still due": {connect.Failure{Class: connect.ClassNoReply, Network: "tcp", Err: connect.ReasonTimeUpUnanswered}, "allow it more time"},
		"half an answer":                      {connect.Failure{Class: connect.ClassNoReply, Err: connect.AnswerError{Reason: connect.ReasonUnfinished, Begins: "web-1"}}, "option reply waits for more"},
		"a source of another host":            {connect.Failure{Class: connect.ClassNetUnreachable, Source: netip.MustParseAddrPort("192.0.2.1:0"), Err: other}, "the source 192.0.2.1 does not belong to this host"},
		"no route from a source of this host": {connect.Failure{Class: connect.ClassNetUnreachable, Source: netip.MustParseAddrPort("127.0.0.1:0"), Err: other}, "this host has no route there"},
		"no route, from no source":            {connect.Failure{Class: connect.ClassNetUnreachable, Err: other}, "this host has no route there"},
		"a multicast address":                 {connect.Failure{Class: connect.ClassNoReply, Network: "udp", Addr: netip.MustParseAddrPort("239.0.0.1:53"), Err: connect.ReasonNoAnswer}, "239.0.0.1 is a multicast address"},
		"a broadcast address":                 {connect.Failure{Class: connect.ClassBlocked, Network: "udp", Addr: netip.MustParseAddrPort("255.255.255.255:53"), Err: syscall.EACCES}, "255.255.255.255 is a broadcast address"},
		"that of a network, over TCP":         {connect.Failure{Class: connect.ClassNetUnreachable, Network: "tcp", Addr: netip.MustParseAddrPort("127.255.255.255:53"), Err: syscall.ENETUNREACH}, "127.255.255.255 is a broadcast address"},
		"no such interface":                   {connect.Failure{Class: connect.ClassNetUnreachable, Addr: netip.MustParseAddrPort("[fe80::1%none]:80"), Err: other}, `this host has no interface "none"`},
		"forbidden by this host":              {connect.Failure{Class: connect.ClassBlocked, Err: fmt.Errorf("connect: %w", syscall.EINVAL)}, "this host itself forbids it"},
		"forbidden by k6's options":           {connect.Failure{Class: connect.ClassBlocked, Err: other}, "blockHostnames"},
		"rejected by a firewall":              {connect.Failure{Class: connect.ClassRefused, Network: "tcp", Err: rejected}, "192.0.2.254 says so: a firewall"},
		"rejected by a firewall, for UDP":     {connect.Failure{Class: connect.ClassRefused, Network: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:53"), Err: rejected}, "192.0.2.254 says so: a firewall"},
		"nobody listens, as the target says":  {connect.Failure{Class: connect.ClassRefused, Network: "udp", Addr: netip.MustParseAddrPort("192.0.2.254:53"), Err: rejected}, "check that a server listens there"},
		"no TLS on this port":                 {connect.Failure{Class: connect.ClassTLS, Err: connect.HandshakeError{Err: tls.RecordHeaderError{Msg: "first record"}}}, "does not speak TLS on this port"},
		"the call's time":                     {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonTimeUp}, "(option timeout, and duration of traffic)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, textOf(row.failure), row.says)
		})
	}
	assert.NotContains(t, textOf(connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonTimeUp}), "route", "the time was too short, whatever the network does")
}

// Each class of failure has advice, except an abort, which was asked for, and an unknown error.
func TestEveryClassHasAdvice(t *testing.T) {
	t.Parallel()
	for c := range class.Count {
		switch c {
		case class.None, class.Aborted, class.Other:
			assert.Empty(t, byClass[c], c.String())
		default:
			assert.NotEmpty(t, byClass[c], c.String())
		}
	}
}
