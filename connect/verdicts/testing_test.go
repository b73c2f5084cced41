package verdicts_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// want is what one verdict should be.
type want struct {
	fails bool
	out   bool     // it is left out
	text  []string // parts of its text
	lacks string   // no part of its text
}

// check finds a verdict by its name, and compares it.
func (w want) check(t *testing.T, j connect.Judged, name string) {
	t.Helper()
	var found []connect.Verdict
	failed := false
	for _, v := range j.Verdicts {
		assert.Contains(t, verdicts.Names, v.Name)
		assert.NotEmpty(t, v.Text)
		if v.Name == name {
			found = append(found, v)
		}
		failed = failed || !v.OK
	}
	assert.Equal(t, !failed, j.OK, "ok is that of all: %+v", j.Verdicts)
	if w.out {
		assert.Empty(t, found)
		return
	}
	require.NotEmpty(t, found, "verdict %s of %+v", name, j.Verdicts)
	v := found[len(found)-1]
	assert.Equal(t, !w.fails, v.OK, v.Text)
	for _, part := range w.text {
		assert.Contains(t, v.Text, part)
	}
	if w.lacks != "" {
		assert.NotContains(t, v.Text, w.lacks)
	}
	if w.fails {
		assert.Greater(t, len(strings.Fields(v.Text)), 5, "why, and what to do: %s", v.Text)
	}
}

// refused is a first failure with its advice, as the module words it.
func refused(n int64) (map[connect.Class]int64, map[connect.Class]connect.Failure) {
	return map[connect.Class]int64{connect.ClassRefused: n}, map[connect.Class]connect.Failure{
		connect.ClassRefused: {Class: connect.ClassRefused, Network: "tcp", Target: "a:1", Err: syscall.ECONNREFUSED},
	}
}

func off(name string) *verdicts.Expect { return &verdicts.Expect{Off: map[string]bool{name: true}} }

func least(name string, share float64) *verdicts.Expect {
	return &verdicts.Expect{Shares: map[string]float64{name: share}}
}

const second = time.Second
