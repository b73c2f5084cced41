package rules_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func now() int64 { return loop.Now() }
