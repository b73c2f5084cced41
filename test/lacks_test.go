//go:build linux

package e2e

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test fails for what could be here, is left out for what can't, and says in both cases what to do.
func TestLacks(t *testing.T) {
	t.Parallel()
	everything := func(string) error { return nil }
	nothing := func(string) error { return os.ErrNotExist }
	missing := func(program string) func(m machine) *lack {
		return func(m machine) *lack { return m.programs("sh", program) }
	}
	namespaces := func(m machine) *lack { return m.privileges("make network namespaces") }
	for _, test := range []struct {
		name  string
		on    machine
		needs func(m machine) *lack
		want  *lack
	}{
		{"all is here", machine{look: everything}, missing("influxd"), nil},
		{"root", machine{root: true, look: everything}, namespaces, nil},
		{"a user of Debian", machine{debian: true, look: allBut("influxd")}, missing("influxd"), &lack{"influxd is missing: run `make test-deps` as root, or install the package influxdb", false}},
		{"root on Debian", machine{debian: true, root: true, look: allBut("chromium")}, missing("chromium"), &lack{"chromium is missing: run `make test-deps` as root, or install the package chromium", true}},
		{"root elsewhere", machine{root: true, look: allBut("nft")}, missing("nft"), &lack{"nft is missing: run `make test-deps` as root, or install the package nftables", false}},
		{"CI", machine{ci: true, look: allBut("haproxy")}, missing("haproxy"), &lack{"haproxy is missing: run `make test-deps` as root, or install the package haproxy", true}},
		{"not built", machine{look: nothing}, func(m machine) *lack { return m.programs(k6Path) }, &lack{"./k6 is missing: run `make build` first", true}},
		{"a user", machine{look: everything}, namespaces, &lack{"only root may make network namespaces: run the tests as root", false}},
		{"a user in CI", machine{ci: true, look: everything}, namespaces, &lack{"only root may make network namespaces: run the tests as root", true}},
		{"a container", machine{root: true, look: everything}, func(m machine) *lack { return m.forbidden("unshare", os.ErrPermission) }, &lack{"this machine does not let root unshare: permission denied; give the container the capability CAP_SYS_ADMIN", false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, test.needs(test.on))
		})
	}
}

func allBut(missing string) func(string) error {
	return func(program string) error {
		if program == missing {
			return errors.New("not found")
		}
		return nil
	}
}

// What was left out is told once for each reason, with all tests that it stopped.
func TestOmissionsAreTold(t *testing.T) {
	t.Parallel()
	var o omissions
	require.Empty(t, o.String())
	o.add("TestB", "no root")
	o.add("TestA", "no root")
	o.add("TestC", "no influxd")
	assert.Equal(t, "left out: TestA, TestB: no root\nleft out: TestC: no influxd\n", o.String())
}
