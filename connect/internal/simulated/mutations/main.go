// Command mutations shows that the simulator finds mistakes: it makes one after the other in the rules and the core, and simulates up to
// 1,000 networks with each. It prints a table of which was found by which seed, and fails if one was not. The source tree is not touched.
//
// It is run in the module's root.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "those whose name contains this")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, only string) error {
	dir, err := os.MkdirTemp("", "mutations")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(out, "| mistake | in | seed | what differs |\n|---|---|---|---|\n")
	missed := 0
	for i := range mutations {
		m := &mutations[i]
		if !strings.Contains(m.name, only) {
			continue
		}
		f, err := m.find(ctx, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if f.seed == "" {
			missed++
			f = finding{seed: "not found"}
		}
		fmt.Fprintf(out, "| %s | `%s` | %s | %s |\n", m.name, strings.TrimPrefix(m.file, "connect/internal/"), f.seed, f.check)
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d mistakes were not found within %d networks", missed, len(mutations), seeds)
	}
	return nil
}

const (
	seeds   = 1000
	timeout = 3 * time.Minute
)

// finding is what a simulation has found.
type finding struct {
	seed  string // "" is nothing
	check string
}

// find makes the mistake in a copy of its file, and simulates.
func (m *mutation) find(ctx context.Context, dir string) (finding, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	overlay, err := m.overlay(dir)
	if err != nil {
		return finding{}, err
	}
	test := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "./connect", "-run", "^TestSimulation$", "-count=1", "-timeout", "2m", "-seeds", fmt.Sprint(seeds)) // #nosec G204 -- fixed arguments
	output, err := test.CombinedOutput()
	if err == nil {
		return finding{}, nil
	}
	return read(output)
}

// overlay writes the changed file and the list of such files that go test takes. It returns the list's path.
func (m *mutation) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.file) // #nosec G304 -- of the table
	if err != nil {
		return "", err
	}
	changed, err := m.apply(source)
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	instead, list := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: instead}})
	if err != nil {
		return "", err
	}
	return list, errors.Join(os.WriteFile(instead, changed, 0o600), os.WriteFile(list, text, 0o600)) // #nosec G703 -- in a directory of our own
}

// apply returns a source with the mistake.
func (m *mutation) apply(source []byte) ([]byte, error) {
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times; want it once: adapt the table", m.file, m.old, n)
	}
	return bytes.Replace(source, []byte(m.old), []byte(m.changed), 1), nil
}

var (
	failure = regexp.MustCompile(`seed (\d+): (.*)`)
	structs = regexp.MustCompile(`\{[^}]*\},.*`)
	number  = regexp.MustCompile(`\d[\d.]*(µs|ms|s)?`)
)

// read finds in a test's output what has failed.
func read(output []byte) (finding, error) {
	found := failure.FindSubmatch(output)
	if found == nil {
		return finding{}, fmt.Errorf("the test did not say which seed has failed:\n%.2000s", output)
	}
	parts := strings.Split(string(found[2]), ": ")
	check := number.ReplaceAllString(structs.ReplaceAllString(parts[len(parts)-1], "of a record or a call"), "n")
	return finding{seed: string(found[1]), check: strings.ReplaceAll(check, "|", `\|`)}, nil
}
