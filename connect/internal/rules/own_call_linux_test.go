package rules_test

import (
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/epoll"
)

func init() {
	drivers["epoll"] = func(t *testing.T, rules engine.NewRules) engine.States {
		return onSockets(t, func(j *engine.Job) engine.Runner { return epoll.NewRunner(&epoll.Loops{}, j, rules) })
	}
}
