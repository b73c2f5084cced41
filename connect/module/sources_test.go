package module

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of k6's localIPs, those are used that can reach the target.
func TestLocalPool(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, host, want string }{
		{"127.0.0.1,10.0.0.0/24", "10.0.0.1", "127.0.0.1,10.0.0.0/24"},
		{"127.0.0.1,::1,10.0.0.1-10.0.0.9", "192.0.2.1", "127.0.0.1,10.0.0.1-10.0.0.9"},
		{"127.0.0.1,::1,10.0.0.1-10.0.0.9", "2001:db8::1", "::1"},
		{"127.0.0.1,::1", "::ffff:192.0.2.1", "127.0.0.1"},
		{"127.0.0.1,::1", "web.example", "127.0.0.1"},
		{"127.0.0.1", "2001:db8::1", "127.0.0.1"}, // which the call refuses
		{"::1", "web.example", "::1"},
	} {
		pool, err := localPool(row.text, row.host)
		require.NoError(t, err)
		assert.Equal(t, row.want, pool.String(), "%s to %s", row.text, row.host)
	}
	_, err := localPool("127.0.0.1,x", "web.example")
	assert.ErrorContains(t, err, `"x" is not an IP address`)
}
