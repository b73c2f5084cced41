//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the system refuses is no mistake of the script's: an Error, no TypeError, that says what to do.
func TestSystemFailures(t *testing.T) {
	const fewerThanAnEventLoopNeeds = "10"
	calls := []string{
		`await mconnect.flood('127.0.0.1:1')`,
		`await mconnect.hold('127.0.0.1:1')`,
		`await mconnect.capacity('127.0.0.1:1')`,
		`await mconnect.traffic('127.0.0.1:1', {duration: '100ms'})`,
	}
	limited := []string{"prlimit", "--nofile=" + fewerThanAnEventLoopNeeds}
	k := awaitK6(t, startK6(t, nil, limited, "-e", "SNIPPETS="+asJSON(t, calls), "test/testdata/reject.js"))
	outcomes := rejections(t, k)
	require.Len(t, outcomes, len(calls), "%s", k.stderr)
	for i, got := range outcomes {
		assert.True(t, got.Thrown, calls[i])
		assert.False(t, got.IsTypeError, "%s: %s", calls[i], got.Message)
		for _, part := range []string{"starting an event loop", "too many open files", "ulimit -n"} {
			assert.Contains(t, got.Message, part, calls[i])
		}
	}
}
