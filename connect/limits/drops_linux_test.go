package limits

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReadCounters(t *testing.T) {
	t.Parallel()
	const text = "Ip: A B\nIp: 1 2\nIcmp: A\nIcmp: 3\nTcp: A B C\nTcp: 4 x\n"
	assert.Equal(t, map[string]uint64{"A": 1, "B": 2}, twoLines([]byte(text), "Ip:"))
	assert.Equal(t, map[string]uint64{"A": 4, "B": 0}, twoLines([]byte(text), "Tcp:"))
	assert.Empty(t, twoLines([]byte(text), "IpExt:"))
	assert.Equal(t, map[string]uint64{"Ip6In": 5}, eachLine([]byte("Ip6In   5\n\nnothing\n")))
}
