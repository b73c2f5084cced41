//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take before a test gives up on it. Nothing here should take a tenth of it.
const patience = 2 * time.Minute

// A process is one that the test has started. It ends with the test at the latest, even if that is killed.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *output
	ended          chan struct{}
}

// start starts a command in a namespace, from the root of the repository.
func start(t testing.TB, ns *namespace, command ...string) *process {
	t.Helper()
	needAll(t, command)
	p := &process{
		cmd:    exec.Command(command[0], command[1:]...),
		stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{}),
	}
	p.cmd.Dir = root
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // sent when the thread that started it ends
	started := make(chan error)
	go func() {
		defer close(p.ended)
		runtime.LockOSThread()
		err := ns.enter()
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	require.NoError(t, <-started, "starting %s", command)
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.ended
	})
	return p
}

// signal does nothing to a process that has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// wait returns the exit code, -1 if a signal ended the process.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT) // Go prints its stacks
		select {
		case <-p.ended:
		case <-time.After(time.Second):
		}
		require.Fail(t, "still running", "%s\n%s", p.cmd, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// awaitLine returns the first line of standard error, now or to come, that contains a text.
func (p *process) awaitLine(t testing.TB, part string) string {
	t.Helper()
	limit := time.After(patience)
	for {
		grown := p.stderr.grows()
		if line, ok := p.stderr.line(part); ok {
			return line
		}
		select {
		case <-grown:
		case <-p.ended:
			line, ok := p.stderr.line(part)
			require.True(t, ok, "%s ended without saying %q:\n%s", p.cmd, part, p.stderr)
			return line
		case <-limit:
			require.Fail(t, "no such line", "%s did not say %q:\n%s", p.cmd, part, p.stderr)
		}
	}
}

// output is what a process has written so far.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed by the next write
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) grows() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grown
}

// String is all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line finds the first complete line that contains a text.
func (o *output) line(part string) (string, bool) {
	for line := range strings.Lines(o.String()) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, part) {
			return strings.TrimSuffix(line, "\n"), true
		}
	}
	return "", false
}
