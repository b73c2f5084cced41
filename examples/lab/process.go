//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// How long a program has after SIGINT, before it is killed.
const goodbye = 5 * time.Second

// A process is one that the lab has started in a namespace. It does not outlive the lab, however that ends.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer // to be read when it has ended
	ended  chan struct{}
}

// start starts a program in the namespace. A context that ends interrupts it.
func (ns *namespace) start(ctx context.Context, setup func(*exec.Cmd), words ...string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, words[0], words[1:]...) // #nosec G204 -- of the lab's own making
	p.cmd.Stderr = &p.stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	p.cmd.WaitDelay = goodbye
	// In a group of its own, Ctrl-C reaches only the lab, which then ends things in their order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if setup != nil {
		setup(p.cmd)
	}
	started := make(chan error, 1)
	go func() {
		defer close(p.ended)
		// The thread that starts the process waits for its end: when it ends itself, Pdeathsig is sent.
		err := ns.inside(func() error {
			err := p.cmd.Start()
			started <- err
			if err == nil {
				_ = p.cmd.Wait()
			}
			return nil
		})
		if err != nil {
			started <- err
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", p.cmd, err)
	}
	return p, nil
}

// kill ends it at once, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
