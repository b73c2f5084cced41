//go:build linux

package e2e

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever reads of a file in the architecture finds it.
func TestArchitectureNamesFilesThatExist(t *testing.T) {
	t.Parallel()
	var files []string
	for _, tree := range []string{"connect", "server"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, tree), func(file string, _ fs.DirEntry, err error) error {
			files = append(files, "/"+filepath.ToSlash(file))
			return err
		}))
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z_/]+\\.go)`").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, named)
	all := strings.Join(files, "\n") + "\n"
	for _, name := range named {
		assert.Contains(t, all, path.Join("/", name[1])+"\n")
	}
}
