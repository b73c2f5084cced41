package program

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

func TestErrorsInFlags(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err     error
		message string
		code    int
	}{
		"the server's":       {&server.OptionError{Option: "MaxConnections", Value: "-5", Reason: "why"}, `-max-connections "-5": why`, exitUsage},
		"the mesh's":         {&mesh.OptionError{Option: "Peers", Value: "http://a/", Reason: "why"}, `-peer "http://a/": why`, exitUsage},
		"wrapped":            {fmt.Errorf("starting: %w", &mesh.OptionError{Option: "State", Value: "f", Reason: "why"}), `-state "f": why`, exitUsage},
		"an address in use":  {&server.ListenError{Option: "HTTP", Address: ":1", Err: io.EOF}, `-http ":1": EOF`, exitFailed},
		"none of the flags'": {errors.New("why"), "why", exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := inFlags(row.err)
			assert.EqualError(t, err, row.message)
			assert.Equal(t, row.code, exitCode(err))
		})
	}
	assert.NoError(t, inFlags(nil))
}

// Beside another server, the address that nobody gave is the one that is taken.
func TestUnaskedAddress(t *testing.T) {
	t.Parallel()
	taken := &server.ListenError{Option: "Address", Address: server.DefaultAddress, Err: syscall.EADDRINUSE}
	for name, row := range map[string]struct {
		args  []string
		env   map[string]string
		asked bool
	}{
		"only the echo's":       {args: []string{"-echo", "127.0.0.1:0"}},
		"given":                 {args: []string{"-address", server.DefaultAddress, "-echo", "127.0.0.1:0"}, asked: true},
		"given as its variable": {env: map[string]string{"MCONNECT_ADDRESS": server.DefaultAddress}, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(row.args, environment(row.env), io.Discard)
			require.NoError(t, err)
			err = s.unasked(inFlags(taken))
			assert.ErrorContains(t, err, `-address "[::1]:5001": address already in use`)
			assert.Equal(t, row.asked, !strings.Contains(err.Error(), "no -address was given"))
			assert.Equal(t, exitFailed, exitCode(err))
		})
	}
	other := &server.ListenError{Option: "-echo", Err: syscall.EADDRINUSE}
	assert.Equal(t, other, (&settings{}).unasked(other))
}
