package connect

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Advice depends on more than the class where the same class has different causes.
func TestAdvice(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for name, row := range map[string]struct {
		network string
		outcome Outcome
		says    string
	}{
		"no SYN-ACK":              {"tcp", Outcome{Class: ClassTimeout, Err: other}, "check the route"},
		"no TLS handshake":        {"tls", Outcome{Class: ClassTimeout, Err: handshakeError{context.DeadlineExceeded}}, "does not shake hands in time"},
		"nobody listens":          {"tcp", Outcome{Class: ClassRefused, Err: other}, "backlog"},
		"nobody listens, for UDP": {"udp", Outcome{Class: ClassRefused, Err: other}, "check that a server listens there"},
		"a peer that closes":      {"tcp", Outcome{Class: ClassClosed, Err: other}, "closes the connection"},
	} {
		plan := Plan{Network: row.network}
		assert.Contains(t, plan.advice(&row.outcome), row.says, name)
	}
	plan := Plan{Network: "udp"}
	assert.NotContains(t, plan.advice(&Outcome{Class: ClassRefused, Err: other}), "backlog")
	assert.Empty(t, plan.advice(&Outcome{Class: ClassTimeout, Err: errTimeUp}), "the error says it all")
}
