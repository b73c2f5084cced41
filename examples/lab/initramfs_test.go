//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Entries come in the order in which a kernel can unpack them, aligned, each once, and directories are made as they are needed.
func TestInitramfs(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "tool")
	require.NoError(t, os.WriteFile(source, []byte("12345"), 0o700)) // #nosec G306 -- a program
	var out bytes.Buffer
	root := newInitramfs(&out)
	root.device("/dev/null", 1, 3)
	root.file("/usr/bin/tool", source)
	root.file("/usr/bin/tool", source)
	root.text("/usr/note", "")
	require.NoError(t, root.close())
	assert.Equal(t, []string{
		"040755 dev 0:0 \"\"", "020666 dev/null 1:3 \"\"", "040755 usr 0:0 \"\"", "040755 usr/bin 0:0 \"\"", "100700 usr/bin/tool 0:0 \"12345\"",
		"100644 usr/note 0:0 \"\"", "000000 TRAILER!!! 0:0 \"\"",
	}, entries(t, out.Bytes()))
}

// What can't be read is told at the end.
func TestInitramfsLacksFile(t *testing.T) {
	t.Parallel()
	root := newInitramfs(&bytes.Buffer{})
	root.file("/bin/k6", "/nowhere/k6")
	assert.ErrorIs(t, root.close(), os.ErrNotExist)
}

// entries reads an archive: mode, name, device and content of each.
func entries(t *testing.T, archive []byte) (all []string) {
	t.Helper()
	for position := 0; position < len(archive); {
		var field [13]int
		require.Equal(t, "070701", string(archive[position:position+6]))
		for i := range field {
			_, err := fmt.Sscanf(string(archive[position+6+8*i:position+14+8*i]), "%x", &field[i])
			require.NoError(t, err)
		}
		mode, size, major, minor, nameSize := field[1], field[6], field[9], field[10], field[11]
		name := archive[position+110 : position+110+nameSize]
		require.Zero(t, name[nameSize-1])
		content := aligned(position + 110 + nameSize)
		all = append(all, fmt.Sprintf("%06o %s %d:%d %q", mode, name[:nameSize-1], major, minor, archive[content:content+size]))
		position = aligned(content + size)
	}
	return all
}

func aligned(position int) int { return (position + 3) &^ 3 }
