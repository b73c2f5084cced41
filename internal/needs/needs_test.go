package needs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test fails for what could be here, is left out for what can't, and says in both cases what to do.
func TestLacks(t *testing.T) {
	t.Parallel()
	everything := func(program string) (string, error) { return "/bin/" + program, nil }
	nothing := func(string) (string, error) { return "", os.ErrNotExist }
	program := func(name string) func(m machine) *lack {
		return func(m machine) *lack {
			_, l := m.program(name)
			return l
		}
	}
	namespaces := func(m machine) *lack { return m.privileges("make network namespaces") }
	unshare := func(err error) func(m machine) *lack {
		return func(m machine) *lack { return m.allowed("unshare", err) }
	}
	for name, test := range map[string]struct {
		on    machine
		needs func(m machine) *lack
		want  *lack
	}{
		"all is here":         {machine{look: everything}, program("influxd"), nil},
		"root":                {machine{root: true}, namespaces, nil},
		"a user of Debian":    {machine{debian: true, look: nothing}, program("influxd"), &lack{"influxd is missing: run `make test-deps` as root, or install the package influxdb", false}},
		"root on Debian":      {machine{debian: true, root: true, look: nothing}, program("chromium"), &lack{"chromium is missing: run `make test-deps` as root, or install the package chromium", true}},
		"root elsewhere":      {machine{root: true, look: nothing}, program("nft"), &lack{"nft is missing: run `make test-deps` as root, or install the package nftables", false}},
		"CI":                  {machine{ci: true, look: nothing}, program("haproxy"), &lack{"haproxy is missing: run `make test-deps` as root, or install the package haproxy", true}},
		"a user":              {machine{}, namespaces, &lack{"only root may make network namespaces: run the tests as root", false}},
		"a user in CI":        {machine{ci: true}, namespaces, &lack{"only root may make network namespaces: run the tests as root", true}},
		"allowed":             {machine{ci: true}, unshare(nil), nil},
		"a container":         {machine{root: true}, unshare(syscall.EPERM), &lack{"this machine does not let root unshare: operation not permitted; give the container the capability CAP_SYS_ADMIN", false}},
		"a container in CI":   {machine{ci: true, root: true}, unshare(syscall.EPERM), &lack{"this machine does not let root unshare: operation not permitted; give the container the capability CAP_SYS_ADMIN", true}},
		"an old kernel in CI": {machine{ci: true, root: true}, unshare(errors.ErrUnsupported), &lack{"this kernel can't unshare: unsupported operation", false}},
		"another error":       {machine{ci: true}, unshare(syscall.EINVAL), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, test.needs(test.on))
		})
	}
}

// A program in /usr/sbin is found without it in PATH.
func TestLook(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	_, err := look("no-such-program")
	require.Error(t, err)
	for _, directory := range []string{"/usr/sbin", "/sbin"} {
		programs, err := os.ReadDir(directory)
		if err != nil || len(programs) == 0 {
			continue
		}
		path, err := look(programs[0].Name())
		require.NoError(t, err)
		assert.Equal(t, programs[0].Name(), filepath.Base(path))
	}
}

// A test that is left out is told with its package and its reason, one that fails is not.
func TestLeftOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "left-out.txt")
	t.Setenv(File, file)
	stopped := &stoppedTest{TB: t}
	for _, reason := range []string{"no root", "two\nlines"} {
		(&lack{reason: reason}).end(stopped)
	}
	assert.Equal(t, []string{"no root", "two\nlines"}, stopped.skipped)
	(&lack{"could be here", true}).end(stopped)
	assert.Equal(t, []string{"could be here"}, stopped.failed)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "no root\tinternal/needs.TestLeftOut\ntwo lines\tinternal/needs.TestLeftOut\n", string(text))
}

// stoppedTest is a test that goes on where it would be stopped.
type stoppedTest struct {
	testing.TB
	skipped, failed []string
}

func (s *stoppedTest) Skip(args ...any)  { s.skipped = append(s.skipped, args[0].(string)) }
func (s *stoppedTest) Fatal(args ...any) { s.failed = append(s.failed, args[0].(string)) }
