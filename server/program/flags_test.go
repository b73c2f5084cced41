package program

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

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
