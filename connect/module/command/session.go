package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/live"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/flags"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// session is one run of a call.
type session struct {
	gs       *state.GlobalState
	call     string
	engine   connect.Engine
	ledger   recording.Ledger
	files    files
	changes  announcements
	title    string // what is done, and to what
	yes      bool
	insecure bool

	ctx   context.Context // done once the user has had enough
	shown atomic.Value    // the live.View, if there is one
}

func newSession(gs *state.GlobalState, call string) *session {
	return &session{gs: gs, call: call, ctx: gs.Ctx}
}

// addFlags adds the flags that scripts have no options for.
func (s *session) addFlags(to *pflag.FlagSet) {
	s.files.addFlags(to)
	to.BoolVar(&s.yes, "yes", false, "do not ask before more than 10,000 connections to an address that is neither loopback nor private")
	to.BoolVar(&s.insecure, "insecure-skip-tls-verify", false, "do not look at the certificates of TLS peers")
}

// do runs the call, tells what has come of it, and returns an error with an exit code if not all is well.
func (s *session) do(d *call, targets []string, object any) error {
	s.title = strings.TrimSpace(d.name + " " + strings.Join(targets[:min(len(targets), mostTold)], ", "))
	if err := s.files.check(); err != nil {
		return err
	}
	end := s.heed()
	defer end()
	f, err := d.run(s, targets, object)
	if err != nil {
		return flags.Error(d.name, err)
	}
	if err := s.tell(f); err != nil {
		return err
	}
	if f.judged.OK {
		return nil
	}
	var names []string
	for _, v := range f.judged.Verdicts {
		if !v.OK {
			names = append(names, v.Name)
		}
	}
	err = fmt.Errorf("%d of %d verdicts do not hold: %s", len(names), len(f.judged.Verdicts), strings.Join(names, ", "))
	return errext.WithExitCodeIfNone(err, exitVerdict)
}

// mostTold is how many targets a title names.
const mostTold = 3

// heed makes the first signal end the call, and the second one the process, until end is called.
func (s *session) heed() (end func()) {
	ctx, cancel := context.WithCancel(s.gs.Ctx)
	s.ctx = ctx
	signals, ended, done := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	s.gs.SignalNotify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel()
		case <-ended:
			return
		}
		select {
		case <-signals:
			if view, isShown := s.shown.Load().(shown); isShown {
				view.Close() // leaves no line on the terminal
			}
			s.gs.OSExit(int(exitcodes.ExternalAbort))
		case <-ended:
		}
	}()
	return func() {
		s.gs.SignalStop(signals)
		close(ended)
		<-done
		cancel()
	}
}

// shown is a view as sync/atomic keeps it: always of one type.
type shown struct{ live.View }

// usualInterval is that of progress lines where there is no terminal.
const usualInterval = time.Second

// view shows the call while it runs. monitor is the interval of lines that the user asks for, 0 if none.
func (s *session) view(c live.Call, monitor time.Duration) live.View {
	out := s.gs.Stderr
	switch {
	case s.gs.Flags.Quiet:
		return live.Lines(io.Discard, 0, c)
	case monitor > 0:
		return live.Lines(out, monitor, c)
	case out.IsTTY:
		return live.Terminal(out, out.RawOutFd, c)
	default:
		return live.Lines(out, usualInterval, c)
	}
}
