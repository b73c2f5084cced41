package tools

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// Run runs a tool with its arguments, and returns its exit code. Output that could not be written, such as to a full disk, is a failure, too; a
// reader that is gone wants no more, and is none.
func Run(name string, p *Process, args []string) int {
	out := &output{to: p.Stdout}
	watched := *p
	watched.Stdout = out
	code := All[name](&watched, args)
	if err := out.failed(); code == exitOK && err != nil {
		return p.fail(err)
	}
	return code
}

// output remembers the first write that failed.
type output struct {
	to  io.Writer
	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	n, err := o.to.Write(text)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
