package advice

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// A service that answers with more than it was sent may be no echo, for which idle() has options.
func TestControlOfMoreThanWasSent(t *testing.T) {
	t.Parallel()
	c := connect.IdleControl{Error: connect.ClassBadReply, Failure: &connect.Failure{Class: connect.ClassBadReply, Network: "tcp", Err: connect.ReasonTooMuch}}
	Control(&c)
	assert.Contains(t, c.Message, "PROXY protocol")
	assert.Contains(t, c.Message, "options payload and reply")
}
