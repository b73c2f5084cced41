// Package lines prints text for whoever reads it, without ever waiting for that: a terminal on hold, or a pipe that nobody reads, must hold
// up neither the work nor the end of a program.
package lines

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// room is how many texts wait for the reader before more are dropped.
	room = 4096
	// pace is from one write to the next: waking a goroutine and writing cost more than the lines of a busy mesh.
	pace = 50 * time.Millisecond
	// grace is how long the end waits for the reader to take what is left.
	grace = time.Second
)

// A Printer prints texts in the order in which they come, and a moment later. A nil Printer prints nothing.
type Printer struct {
	mu      sync.Mutex
	waiting []string
	dropped int64

	wake    *time.Timer   // runs if anything waits
	stop    chan struct{} // closed when nothing more comes
	written chan struct{} // closed when all is
}

// New begins to print to w; nil is nobody.
func New(w io.Writer) *Printer {
	if w == nil {
		return nil
	}
	p := &Printer{wake: time.NewTimer(pace), stop: make(chan struct{}), written: make(chan struct{})}
	go p.run(w)
	return p
}

func (p *Printer) run(w io.Writer) {
	defer close(p.written)
	for ended := false; !ended; {
		select {
		case <-p.wake.C:
		case <-p.stop:
			ended = true
		}
		if text := p.take(); text != "" {
			_, _ = io.WriteString(w, text)
		}
	}
	if n := p.Dropped(); n > 0 {
		fmt.Fprintf(w, "# %d lines are missing, since nobody read them in time\n", n)
	}
}

func (p *Printer) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := strings.Join(p.waiting, "")
	p.waiting = p.waiting[:0]
	return text
}

// Print queues a text, which may be several lines. It is not to be called after Stop.
func (p *Printer) Print(text string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch len(p.waiting) {
	case room:
		p.dropped++
		return
	case 0:
		p.wake.Reset(pace)
	}
	p.waiting = append(p.waiting, text)
}

// Dropped counts the texts for which there was no room.
func (p *Printer) Dropped() int64 {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Stop waits until all is written, but not longer than a second: a writer that is stuck is left behind, as a write can't be called back.
func (p *Printer) Stop() {
	if p == nil {
		return
	}
	close(p.stop)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.written:
	case <-timer.C:
	}
}
