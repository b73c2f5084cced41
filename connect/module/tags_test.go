package module

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/metrics"
)

// However a set of tags is made, it is the same one.
func TestTagged(t *testing.T) {
	t.Parallel()
	root := metrics.NewRegistry().RootTagSet()
	base := root.With("group", "").With("proto", "tcp").With("zone", "a")
	for _, name := range []string{"a", "group", "host", "target", "zone", "zz"} {
		assert.Same(t, base.With(name, "x"), tagged(base, name, "x"), name)
	}
	assert.Same(t, root.With("target", "x"), tagged(root, "target", "x"))
}
