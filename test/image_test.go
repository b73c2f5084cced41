//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// make image, as far as it goes without building one: it finds a builder and asks it for the image that the manifest runs.
func TestMakeImage(t *testing.T) {
	t.Parallel()
	need(t, "make", "sh", "go", "git", "find", "basename")
	manifest, err := os.ReadFile(filepath.Join(root, "examples", "kubernetes", "mesh.yaml"))
	require.NoError(t, err)
	image := regexp.MustCompile(`image: (\S+)`).FindSubmatch(manifest)
	require.NotNil(t, image)
	for name, row := range map[string]struct {
		builder, says string
		fails         bool
	}{
		"docker":  {"docker", `^docker build --build-arg VERSION=\S+ -t ` + regexp.QuoteMeta(string(image[1])) + ` \.\n$`, false},
		"podman":  {"podman", `^podman build --build-arg `, false},
		"neither": {"", "neither docker nor podman is here", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			for _, tool := range []string{"sh", "go", "git", "find", "basename"} {
				file, err := exec.LookPath(tool)
				require.NoError(t, err)
				require.NoError(t, os.Symlink(file, filepath.Join(path, tool)))
			}
			if row.builder != "" {
				script := "#!/bin/sh\necho $(basename $0) \"$@\"\n"
				require.NoError(t, os.WriteFile(filepath.Join(path, row.builder), []byte(script), 0o700)) // #nosec G306 -- it is run
			}
			build := exec.Command("make", "--no-print-directory", "image")
			build.Dir = root
			build.Env = append(os.Environ(), "PATH="+path, "MAKEFLAGS=")
			output, err := build.CombinedOutput()
			assert.Equal(t, row.fails, err != nil, "%v: %s", err, output)
			assert.Regexp(t, row.says, string(output))
		})
	}
}
