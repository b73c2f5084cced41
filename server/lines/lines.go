// Package lines prints text for whoever reads it, without ever waiting for that: a terminal on hold, or a pipe that nobody reads, must hold
// up neither the work nor the end of a program.
package lines

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// room is how many texts wait for the reader before more are dropped.
	room = 4096
	// grace is how long the end waits for the reader to take what is left.
	grace = time.Second
)

// A Printer prints texts in the order in which they come. A nil Printer prints nothing.
type Printer struct {
	texts   chan string
	dropped atomic.Int64
	written chan struct{} // closed when all is
}

// New begins to print to w; nil is nobody.
func New(w io.Writer) *Printer {
	if w == nil {
		return nil
	}
	p := &Printer{texts: make(chan string, room), written: make(chan struct{})}
	go p.run(w)
	return p
}

func (p *Printer) run(w io.Writer) {
	defer close(p.written)
	for text := range p.texts {
		_, _ = io.WriteString(w, text)
	}
	if n := p.dropped.Load(); n > 0 {
		fmt.Fprintf(w, "# %d lines are missing, since nobody read them in time\n", n)
	}
}

// Print queues a text, which may be several lines. It is not to be called after Stop.
func (p *Printer) Print(text string) {
	if p == nil {
		return
	}
	select {
	case p.texts <- text:
	default:
		p.dropped.Add(1)
	}
}

// Dropped counts the texts for which there was no room.
func (p *Printer) Dropped() int64 {
	if p == nil {
		return 0
	}
	return p.dropped.Load()
}

// Stop waits until all is written, but not longer than a second: a writer that is stuck is left behind, as a write can't be called back.
func (p *Printer) Stop() {
	if p == nil {
		return
	}
	close(p.texts)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.written:
	case <-timer.C:
	}
}
