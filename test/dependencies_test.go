//go:build linux

package e2e

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Only the server carries the AWS SDK; scripts that ping need none.
func TestK6HasNoAWS(t *testing.T) {
	const sdk = "github.com/aws/"
	assert.NotContains(t, printed(t, "go", "version", "-m", k6Path), sdk, "modules in ./k6")
	assert.NotContains(t, printed(t, "go", "list", "-deps", "."), sdk, "packages that the extension needs")
}

func printed(t *testing.T, command ...string) string {
	t.Helper()
	needAll(t, command)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = root
	text, err := cmd.Output()
	require.NoError(t, err, "%v", command)
	require.NotEmpty(t, text)
	return string(text)
}
