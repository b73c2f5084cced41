package command

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/live"
)

// closing is a view that tells of its end.
type closing struct {
	live.View
	closed chan struct{}
}

func (c closing) Close() { close(c.closed) }

// The first Ctrl-C ends the call; the second one ends the process at once, and what is drawn on the terminal is gone by then.
func TestSecondInterrupt(t *testing.T) {
	t.Parallel()
	var signals chan<- os.Signal
	exited := make(chan int)
	view := closing{closed: make(chan struct{})}
	gs := &state.GlobalState{
		Ctx:          context.Background(),
		SignalNotify: func(c chan<- os.Signal, _ ...os.Signal) { signals = c },
		SignalStop:   func(chan<- os.Signal) {},
		OSExit: func(code int) {
			select {
			case <-view.closed:
			default:
				t.Error("the view is still there")
			}
			exited <- code
		},
	}
	s := newSession(gs, "hold")
	end := s.heed()
	defer end()
	s.shown.Store(shown{view})
	signals <- syscall.SIGINT
	<-s.ctx.Done()
	signals <- syscall.SIGINT
	assert.Equal(t, 105, <-exited)
}
