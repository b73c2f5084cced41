//go:build !linux

package packets

import (
	"errors"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Net has nothing to keep: this system has no packet driver.
type Net struct{}

// NewRunner returns a runner that does not start.
func NewRunner(*Net, *engine.Job, engine.NewRules, Tell) engine.Runner { return missing{} }

type missing struct{}

// Start implements engine.Runner.
func (missing) Start() error {
	return errors.New("the packet driver needs Linux; use driver 'sockets'")
}

// Settled implements engine.Runner.
func (missing) Settled() <-chan struct{} { return nil }

// Done implements engine.Runner.
func (missing) Done() <-chan struct{} { return nil }

// Stop implements engine.Runner.
func (missing) Stop(class.Class, class.Class) {}

// Release implements engine.Runner.
func (missing) Release() {}
