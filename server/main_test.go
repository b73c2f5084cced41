package server_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// childVariable says which part a copy of the test binary plays in a process of its own.
const childVariable = "MCONNECT_SERVER_TEST_CHILD"

// children are these parts.
var children = map[string]func() error{}

func runChild(name string) int {
	if err := children[name](); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}
