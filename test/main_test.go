//go:build linux

package e2e

import (
	"fmt"
	"os"
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
	for name, value := range map[string]string{
		"PATH":   os.Getenv("PATH") + ":/usr/sbin:/sbin", // where a user's PATH does not lead
		"MAX_MS": "60000",                                // the examples' thresholds for times say how busy this machine is
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}
