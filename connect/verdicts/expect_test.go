package verdicts_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// The guide has a row for each verdict.
func TestGuideHasAllVerdicts(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/verdicts.md")
	require.NoError(t, err)
	for _, name := range verdicts.Names {
		assert.Contains(t, string(guide), "\n| `"+name+"` | ", name)
	}
}
