package limits_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

func TestDescriptors(t *testing.T) {
	t.Parallel()
	assert.Greater(t, limits.Descriptors(), uint64(10), "this very process has about that many open")
}
