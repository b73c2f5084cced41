package module

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Advice depends on more than the class where the same class has different causes.
func TestAdvice(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for name, row := range map[string]struct {
		failure connect.Failure
		says    string
	}{
		"no SYN-ACK":              {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonConnectTimeout}, "(option connectTimeout); check the route"},
		"no TLS handshake":        {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonHandshakeTimeout}, "does not shake hands in time"},
		"nobody listens":          {connect.Failure{Class: connect.ClassRefused, Network: "tcp", Err: other}, "backlog"},
		"nobody listens, for UDP": {connect.Failure{Class: connect.ClassRefused, Network: "udp4", Err: other}, "check that a server listens there"},
		"a peer that closes":      {connect.Failure{Class: connect.ClassClosed, Err: other}, "closes the connection"},
		"the call's time":         {connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonTimeUp}, "(option timeout, and duration of traffic)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, worded(row.failure), row.says)
		})
	}
	assert.NotContains(t, worded(connect.Failure{Class: connect.ClassTimeout, Err: connect.ReasonTimeUp}), "route", "the time was too short, whatever the network does")
}

// Whoever reads of a failure is told what to do, except about one that was asked for and one that nobody knows.
func TestEveryClassHasAdvice(t *testing.T) {
	t.Parallel()
	for c := range class.Count {
		switch c {
		case class.None, class.Aborted, class.Other:
			assert.Empty(t, advice[c], c.String())
		default:
			assert.NotEmpty(t, advice[c], c.String())
		}
	}
}
