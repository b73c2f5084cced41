package class_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// The names are those that scripts and dashboards compare with.
func TestNames(t *testing.T) {
	t.Parallel()
	for c, name := range map[class.Class]string{
		class.None: "", class.Refused: "refused", class.Timeout: "timeout", class.Reset: "reset", class.Closed: "closed",
		class.HostUnreachable: "host_unreachable", class.NetUnreachable: "net_unreachable", class.AddrInUse: "addr_in_use",
		class.AddrNotAvailable: "addr_not_available", class.FDLimit: "fd_limit", class.NoReply: "no_reply", class.BadReply: "bad_reply",
		class.DNS: "dns", class.Blocked: "blocked", class.TLS: "tls", class.Aborted: "aborted", class.Other: "other",
		class.Count: "Class(17)", 255: "Class(255)",
	} {
		assert.Equal(t, name, c.String())
	}
}

// Each class has a name of its own, and is read back from it.
func TestText(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := range class.Count {
		assert.False(t, seen[c.String()], "%q twice", c)
		seen[c.String()] = true
		text, err := json.Marshal(map[class.Class]class.Class{c: c})
		require.NoError(t, err)
		var read map[class.Class]class.Class
		require.NoError(t, json.Unmarshal(text, &read))
		assert.Equal(t, map[class.Class]class.Class{c: c}, read)
	}
	var c class.Class
	require.NoError(t, json.Unmarshal([]byte(`"of a later version"`), &c))
	assert.Equal(t, class.Other, c)
	assert.Error(t, json.Unmarshal([]byte(`5`), &c))
}
