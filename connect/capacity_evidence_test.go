package connect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A short connectTimeout leaves no time for a second SYN.
func TestEvidenceOfSilence(t *testing.T) {
	t.Parallel()
	e := evidence{dials: dialFailures{inVain: 3, vainSYNs: 6}}
	assert.Contains(t, e.silence(), "3 connects got no answer, though their SYNs were sent again 6 times")
	e.dials.vainSYNs = 0
	assert.Contains(t, e.silence(), "3 connects got no answer to their only SYN in time")
}
