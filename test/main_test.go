//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Paths of what is tested, seen from the root of the repository, where every process is started.
const (
	root        = ".."
	k6Path      = "./k6"
	serverPath  = "./mconnect-server"
	floodScript = "test/testdata/flood.js"
)

func TestMain(m *testing.M) {
	if os.Getenv(hangingService) != "" {
		serveAndHang() // this is the process that startHangingService has started
	}
	if missing := prerequisites(); len(missing) > 0 {
		for _, text := range missing {
			fmt.Fprintln(os.Stderr, "e2e:", text)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// prerequisites says what has to be done before the tests can run.
func prerequisites() []string {
	var missing []string
	for _, binary := range []string{k6Path, serverPath} {
		if _, err := os.Stat(filepath.Join(root, binary)); err != nil {
			missing = append(missing, binary+" is missing: run `make build` first")
		}
	}
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	if err := os.Setenv("PATH", path); err != nil {
		missing = append(missing, err.Error())
	}
	for _, tool := range []string{"haproxy", "influxd", "nft", "conntrack", "ip", "prlimit", "chromium", "redis-server", "aiosmtpd", "dnsmasq"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool+" is missing: run `make test-deps` first")
		}
	}
	if os.Geteuid() != 0 {
		missing = append(missing, "these tests make network namespaces: run them as root")
	}
	return missing
}
