package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTable holds the table against the source: each mistake can still be made, and is none yet.
func TestTable(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for i := range mutations {
		m := &mutations[i]
		t.Run(m.name, func(t *testing.T) {
			assert.False(t, names[m.name], "the name is there twice")
			names[m.name] = true
			source, err := os.ReadFile(filepath.Join("../../../..", m.file))
			require.NoError(t, err)
			changed, err := m.apply(source)
			require.NoError(t, err)
			assert.NotEqual(t, string(source), string(changed))
		})
	}
	assert.GreaterOrEqual(t, len(mutations), 20)
}

func TestRead(t *testing.T) {
	t.Parallel()
	found, err := read([]byte("    simulation_test.go:59: seed 1338: hold over udp, 34 connections; : at 118 ns: hold, connection 32, outcome {…}: want an end after 1.5ms, not 30\n	repeat it"))
	require.NoError(t, err)
	assert.Equal(t, finding{"1338", "want an end after n, not n"}, found)
	_, err = read([]byte("does not compile"))
	assert.ErrorContains(t, err, "does not compile")
}
