//go:build linux

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplacePlace(t *testing.T) {
	t.Parallel()
	const document = "# Lab\n<!-- make lab writes this: host -->\nold\n<!-- until here -->\nmore\n<!-- make lab writes this: vm -->\nother\n<!-- until here -->\n"
	updated, err := replacePlace(document, hostResults, "new")
	require.NoError(t, err)
	assert.Equal(t, "# Lab\n<!-- make lab writes this: host -->\n\nnew\n\n<!-- until here -->\nmore\n<!-- make lab writes this: vm -->\nother\n<!-- until here -->\n", updated)
	_, err = replacePlace("# Lab\n", vmResults, "new")
	assert.ErrorContains(t, err, "there is no line")
	_, err = replacePlace("<!-- make lab writes this: vm -->\n", vmResults, "new")
	assert.ErrorContains(t, err, `no line "<!-- until here -->" after`)
}

// The page of the lab has both places.
func TestDocsHavePlaces(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/lab.md")
	require.NoError(t, err)
	for _, place := range []string{hostResults, vmResults} {
		_, err := replacePlace(string(page), place, "")
		assert.NoError(t, err)
	}
}
