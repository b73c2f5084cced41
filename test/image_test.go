//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
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
		"docker":  {"docker", `^docker build --build-arg VERSION=\S+ -t ` + regexp.QuoteMeta(string(image[1])) + ` -f Dockerfile \.\n$`, false},
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

// What the images are made of, without a builder of images: the commands of the stage that builds, on the files that it copies, and nothing
// else. What comes of it runs in a folder with nothing else in it, as the image's user.
func TestImages(t *testing.T) {
	t.Parallel()
	needs.Root(t, "run a program in another root folder")
	for name, row := range map[string]struct {
		file, binary string
		args         []string
		says         string
	}{
		"mconnect-server": {"Dockerfile", "mconnect-server", []string{"-h"}, "-k8sprobe"},
		"k6":              {"Dockerfile.k6", "k6", []string{"version"}, "k6/x/mconnect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, row.file))
			require.NoError(t, err)
			cut := strings.LastIndex(string(text), "\nFROM ")
			require.Positive(t, cut)
			made := buildStage(t, string(text[:cut]))
			user := regexp.MustCompile(`(?m)^USER (\d+):`).FindStringSubmatch(string(text[cut:]))
			require.NotNil(t, user, "the image's user is nobody in particular")
			output := inRoot(t, made, user[1], "/"+row.binary, row.args...)
			assert.Contains(t, output, row.says)
		})
	}
}

// buildStage does what the first stage of a Dockerfile does, and returns the folder that stands for its root.
func buildStage(t *testing.T, stage string) string {
	t.Helper()
	src, image := t.TempDir(), t.TempDir()
	require.NoError(t, os.Chmod(image, 0o755)) // #nosec G302 -- the image's user runs what is in it
	for line := range strings.Lines(stage) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "COPY":
			words := strings.Fields(rest)
			to := filepath.Join(src, words[len(words)-1])
			for _, from := range words[:len(words)-1] {
				copied := exec.Command("cp", "-r", from, to)
				copied.Dir = root
				require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
				if strings.HasSuffix(words[len(words)-1], "/") {
					require.NoError(t, os.MkdirAll(to, 0o700))
				}
				output, err := copied.CombinedOutput()
				require.NoError(t, err, "%s: %s", line, output)
			}
		case "RUN":
			// What the stage puts into / goes to the image's folder.
			script := regexp.MustCompile(`(^|[ =])/(mconnect-server|k6|xk6)\b`).ReplaceAllString(rest, "${1}"+image+"/$2")
			run := exec.Command("sh", "-c", script)
			run.Dir = src
			run.Env = append(os.Environ(), "VERSION=test", "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "GOFLAGS=-trimpath")
			output, err := run.CombinedOutput()
			require.NoError(t, err, "%s: %s", script, output)
		}
	}
	return image
}

// inRoot runs a program as a user in a root folder of its own, and returns what it says.
func inRoot(t *testing.T, folder, user, program string, args ...string) string {
	t.Helper()
	id, err := strconv.ParseUint(user, 10, 32)
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = "/", []string{"HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: folder, Credential: &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}
