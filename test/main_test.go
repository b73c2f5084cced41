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

// leftOutVariable names a file for the tests that were left out: `go test ./...` shows nothing of a package whose tests pass.
const leftOutVariable = "E2E_LEFT_OUT"

func TestMain(m *testing.M) {
	if os.Getenv(hangingService) != "" {
		serveAndHang() // this is the process that startHangingService has started
	}
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil { // where a user's PATH does not lead
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(telling{m})
}

// telling runs the tests and then tells which of them were left out.
type telling struct{ *testing.M }

// Run implements goleak.TestingM.
func (m telling) Run() int {
	code := m.M.Run()
	text := leftOut.String()
	fmt.Fprint(os.Stderr, text)
	if file := os.Getenv(leftOutVariable); file != "" && text != "" {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
	}
	return code
}
