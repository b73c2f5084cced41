// Package needs ends tests that this machine can't run. A test is left out only for what can't be here; for what could be here it fails. Which
// tests were left out, and why, is told in a file.
package needs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// File is the environment variable that names the file for the tests that were left out, since `go test ./...` shows nothing of them: a line
// for each, with the reason, a tab and the test. `make test` prints it.
const File = "TESTS_LEFT_OUT"

// Program returns the path of a program. `make test` installs those that the tests use, as root on Debian, so only elsewhere is a test left
// out for want of one.
func Program(t testing.TB, name string) (path string) {
	t.Helper()
	path, l := thisMachine().program(name)
	l.end(t)
	return path
}

// Root ends the test unless it runs as root, which alone may do what it is for.
func Root(t testing.TB, purpose string) {
	t.Helper()
	thisMachine().privileges(purpose).end(t)
}

// Allowed ends the test if an error says that root may not do what the test is for, or that the kernel can't: the one is the fault of a
// container with few capabilities, and fails in CI.
func Allowed(t testing.TB, purpose string, err error) {
	t.Helper()
	thisMachine().allowed(purpose, err).end(t)
}

// LeaveOut leaves the test out, in CI too, for a reason that nobody can remove there.
func LeaveOut(t testing.TB, reason string) {
	t.Helper()
	(&lack{reason: reason}).end(t)
}

// packages are the Debian packages of programs, where their names differ.
var packages = map[string]string{
	"influxd": "influxdb", "nft": "nftables", "ip": "iproute2", "tc": "iproute2", "node": "nodejs", "go": "golang",
	"qemu-system-x86_64": "qemu-system-x86", "modprobe": "kmod",
	"nsenter": "util-linux", "prlimit": "util-linux", "setpriv": "util-linux", "unshare": "util-linux",
}

// machine is what decides whether a test may be left out.
type machine struct {
	ci, root, debian bool
	look             func(program string) (path string, err error)
}

func thisMachine() machine {
	_, err := exec.LookPath("apt-get")
	return machine{ci: os.Getenv("CI") == "true", root: os.Geteuid() == 0, debian: err == nil, look: look}
}

// look looks also where the PATH of a user does not lead.
func look(program string) (path string, err error) {
	for _, directory := range []string{"", "/usr/sbin", "/sbin"} {
		if path, err = exec.LookPath(filepath.Join(directory, program)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// A lack is something that a test needs and this machine does not have.
type lack struct {
	reason string
	fails  bool // it could be here
}

func (m machine) program(name string) (path string, l *lack) {
	path, err := m.look(name)
	if err == nil {
		return path, nil
	}
	pkg := name
	if other, differs := packages[name]; differs {
		pkg = other
	}
	return "", &lack{fmt.Sprintf("%s is missing: run `make test-deps` as root, or install the package %s", name, pkg), m.ci || m.root && m.debian}
}

func (m machine) privileges(purpose string) *lack {
	if m.root {
		return nil
	}
	return &lack{fmt.Sprintf("only root may %s: run the tests as root", purpose), m.ci}
}

func (m machine) allowed(purpose string, err error) *lack {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &lack{fmt.Sprintf("this machine does not let root %s: %s; give the container the capability CAP_SYS_ADMIN", purpose, err), m.ci}
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return &lack{fmt.Sprintf("this kernel can't %s: %s", purpose, err), false}
	default:
		return nil
	}
}

// end fails the test for what it lacks, or leaves it out and writes down why.
func (l *lack) end(t testing.TB) {
	t.Helper()
	switch {
	case l == nil:
	case l.fails:
		t.Fatal(l.reason)
	default:
		l.leaveOut(t)
	}
}

func (l *lack) leaveOut(t testing.TB) {
	t.Helper()
	if file := os.Getenv(File); file != "" {
		if err := note(file, l.reason+"\t"+where()+t.Name()); err != nil {
			t.Fatalf("writing down, in the file that %s names, that this test was left out: %v", File, err)
		}
	}
	t.Skip(l.reason)
}

// note adds a line to a file, to which the tests of other packages may add theirs at the same time.
func note(file, line string) error {
	opened, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 G703 -- of whoever runs the tests
	if err != nil {
		return err
	}
	_, err = opened.WriteString(strings.ReplaceAll(line, "\n", " ") + "\n")
	return errors.Join(err, opened.Close())
}

// where is the package of the test, as a path in this module.
func where() string {
	build, known := debug.ReadBuildInfo()
	if !known {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(build.Path, ".test"), build.Main.Path+"/") + "."
}
