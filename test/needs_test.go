//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// packages are the Debian packages of the programs that tests use, where their names differ.
var packages = map[string]string{
	"influxd": "influxdb", "nft": "nftables", "ip": "iproute2", "node": "nodejs", "go": "golang",
	"prlimit": "util-linux", "setpriv": "util-linux", "unshare": "util-linux",
}

// built says how what the repository itself builds is made.
var built = map[string]string{k6Path: "make build", serverPath: "make build"}

// machine is what decides whether a test may be left out.
type machine struct {
	ci, root, debian bool
	look             func(program string) error
}

func thisMachine() machine {
	_, err := exec.LookPath("apt-get")
	return machine{
		ci: os.Getenv("CI") == "true", root: os.Geteuid() == 0, debian: err == nil,
		look: func(program string) error {
			if strings.Contains(program, "/") {
				_, err := os.Stat(filepath.Join(root, program))
				return err
			}
			_, err := exec.LookPath(program)
			return err
		},
	}
}

// A lack is something that a test needs and this machine does not have.
type lack struct {
	reason string
	fails  bool // it could be here, so the test fails; else the test is left out
}

// programs returns the first of some programs that is missing, nil if all are here. `make test` installs them as root on Debian, so
// only elsewhere may a test be left out.
func (m machine) programs(names ...string) *lack {
	for _, name := range names {
		if m.look(name) == nil {
			continue
		}
		if how, ours := built[name]; ours {
			return &lack{fmt.Sprintf("%s is missing: run `%s` first", name, how), true}
		}
		pkg := name
		if other, differs := packages[name]; differs {
			pkg = other
		}
		return &lack{fmt.Sprintf("%s is missing: run `make test-deps` as root, or install the package %s", name, pkg), m.ci || m.root && m.debian}
	}
	return nil
}

// privileges returns what is missing to do something that only root may do.
func (m machine) privileges(purpose string) *lack {
	if m.root {
		return nil
	}
	return &lack{fmt.Sprintf("only root may %s: run the tests as root", purpose), m.ci}
}

// forbidden is a lack that root has too, in a container with fewer capabilities.
func (m machine) forbidden(purpose string, err error) *lack {
	return &lack{fmt.Sprintf("this machine does not let root %s: %s; give the container the capability CAP_SYS_ADMIN", purpose, err), m.ci}
}

// need ends the test if one of these programs is missing. A name with a slash is a path from the root of the repository.
func need(t *testing.T, programs ...string) {
	t.Helper()
	end(t, thisMachine().programs(programs...))
}

// needAll ends the test if a command can't be run: its first word, or what this repository builds and the command starts in turn.
func needAll(t *testing.T, command []string) {
	t.Helper()
	for i, word := range command {
		_, ours := built[word]
		if ours || i == 0 && !strings.Contains(word, "/") {
			need(t, word)
		}
	}
}

// needRoot ends the test unless it runs as root.
func needRoot(t *testing.T, purpose string) {
	t.Helper()
	end(t, thisMachine().privileges(purpose))
}

// end fails the test for what it lacks, or leaves it out and remembers why.
func end(t *testing.T, l *lack) {
	t.Helper()
	switch {
	case l == nil:
	case l.fails:
		t.Fatal(l.reason)
	default:
		leftOut.add(t.Name(), l.reason)
		t.Skip(l.reason)
	}
}

// leftOut are the tests that this machine can't run, by reason.
var leftOut omissions

type omissions struct {
	mu    sync.Mutex
	tests map[string][]string
}

func (o *omissions) add(test, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tests == nil {
		o.tests = map[string][]string{}
	}
	o.tests[reason] = append(o.tests[reason], test)
}

// String has a line for each reason, "" if there is none.
func (o *omissions) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := make([]string, 0, len(o.tests))
	for reason, tests := range o.tests {
		slices.Sort(tests)
		lines = append(lines, fmt.Sprintf("left out: %s: %s\n", strings.Join(tests, ", "), reason))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
