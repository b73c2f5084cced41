package connect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// SYNs that were sent in vain are counted, although the socket is gone when the ping has failed.
func TestTCPPingWithoutAnswer(t *testing.T) {
	t.Parallel()
	pong := TCPPing{Target: fullBacklog(t), Timeout: 1500 * time.Millisecond}.Do(t.Context())
	assert.Equal(t, ClassTimeout, pong.Class)
	assert.EqualValues(t, 1, pong.SYNRetransmits, "after a second")
	assert.ErrorContains(t, pong.Err, ": timeout after 1.")
	assert.ErrorContains(t, pong.Err, ReasonConnectTimeout.Error())
}
