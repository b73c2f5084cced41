//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// built says how what the repository itself builds is made.
var built = map[string]string{k6Path: "make build", serverPath: "make build", compiler: "make types"}

// need ends the test if one of these programs is missing. A name with a slash is a path from the root of the repository.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, name := range programs {
		how, ours := built[name]
		if !ours {
			needs.Program(t, name)
		} else if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Fatalf("%s is missing: run `%s` first", name, how)
		}
	}
}

// needAll ends the test if a command can't be run: its first word, or what this repository builds and the command starts in turn.
func needAll(t testing.TB, command []string) {
	t.Helper()
	for i, word := range command {
		_, ours := built[word]
		if ours || i == 0 && !strings.Contains(word, "/") {
			need(t, word)
		}
	}
}
