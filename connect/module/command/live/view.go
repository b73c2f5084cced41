package live

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/cupwriter"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// View shows a call while it runs. Its methods may be called by several goroutines.
type View interface {
	connect.Observer
	connect.PacketObserver
	// Every is the interval in which Monitor is to be called; 0 is never.
	Every() time.Duration
	// Remark shows what a search has found so far.
	Remark(text string)
	// Close ends the view. What it has drawn in place is gone then, so that other text can follow. It may be called again.
	Close()
}

// redraw is the interval in which a terminal is drawn anew.
const redraw = 200 * time.Millisecond

// Terminal draws in place, on a terminal that has a descriptor.
func Terminal(out io.Writer, fd int, c Call) View {
	t := &terminal{board: newBoard(c), out: cupwriter.New(out, false), stop: make(chan struct{}), stopped: make(chan struct{})}
	t.out.SetTermFd(fd)
	go t.run()
	return t
}

type terminal struct {
	*board
	out           *cupwriter.Writer
	drawn         []string // lines that are there
	width         int      // for which they were drawn
	once          sync.Once
	stop, stopped chan struct{}
}

// Every implements View.
func (t *terminal) Every() time.Duration { return redraw }

// Remark implements View.
func (t *terminal) Remark(text string) { t.remark(text) }

// Close implements View.
func (t *terminal) Close() {
	t.once.Do(func() { close(t.stop) })
	<-t.stopped
}

func (t *terminal) run() {
	defer close(t.stopped)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			t.draw(now)
		case <-t.stop:
			t.erase()
			return
		}
	}
}

// usualWidth is that of a terminal which does not tell its own.
const usualWidth = 80

// clearRow clears a whole row. A terminal that has wrapped a line keeps in mind that the row goes on in the next one, until it is cleared as
// a whole: else it joins the two when it becomes wider.
const clearRow = "\x1b[2K"

// draw shows the lines in place of those before. It overwrites line by line: some terminals keep what they are told to erase as a whole.
func (t *terminal) draw(now time.Time) {
	width, height := t.size()
	lines := t.lines(now, width)
	lines = lines[:max(0, min(len(lines), height-1))] // what has scrolled away can't be drawn over
	beginning, rest := "", ""
	if rows := t.home(width); rows > 0 {
		beginning = clearRow
		if rows > len(lines) {
			rest = "\x1b[J"
		}
	}
	for _, line := range lines {
		fmt.Fprint(t.out, beginning+line+"\n")
	}
	fmt.Fprint(t.out, rest)
	_ = t.out.Flush(len(lines)) // a terminal that is gone shows nothing
	t.drawn, t.width = lines, width
}

// home moves the cursor to the first of the rows that were drawn, and returns how many these are. It does nothing where the writer
// itself does so.
func (t *terminal) home(width int) (rows int) {
	if t.out.Len() == 0 { // else it holds the escape sequence that it would begin with
		return 0
	}
	t.out.Reset()
	rows = len(t.drawn)
	if width < t.width {
		rows = wrapped(t.drawn, width)
	}
	fmt.Fprintf(t.out, "\x1b[%dA", rows)
	return rows
}

// wrapped is how many rows lines take on a terminal that has become narrower than they are.
func wrapped(lines []string, width int) (rows int) {
	for _, line := range lines {
		rows += max(1, (runewidth.StringWidth(line)+width-1)/width)
	}
	return rows
}

// size is the terminal's. Some, such as those of scripts, have none.
func (t *terminal) size() (width, height int) {
	width, height, err := t.out.GetTermSize()
	if err != nil || width <= 0 || height <= 0 {
		return usualWidth, usualWidth
	}
	return width, height
}

// erase leaves nothing behind.
func (t *terminal) erase() {
	width, _ := t.size()
	if rows := t.home(width); rows > 0 {
		fmt.Fprint(t.out, strings.Repeat(clearRow+"\n", rows))
		fmt.Fprintf(t.out, "\x1b[%dA", rows)
	}
	_ = t.out.Flush(0)
}

// Lines writes a line at an interval, for logs and pipes; an interval of 0 is never.
func Lines(out io.Writer, every time.Duration, c Call) View {
	return &lines{newBoard(c), out, every}
}

type lines struct {
	*board
	out   io.Writer
	every time.Duration
}

// Every implements View.
func (l *lines) Every() time.Duration { return l.every }

// Monitor implements connect.Observer: a line as tcpgoon words it, with what is known of rate, failures and shares.
func (l *lines) Monitor(s connect.States) {
	l.board.Monitor(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	parts := []string{s.String()}
	if perSecond := l.lately.perSecond(); perSecond > 0 {
		parts = append(parts, grouped(int64(perSecond+0.5))+"/s")
	}
	for _, text := range []string{l.echoes(), l.failures(), l.shares()} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	fmt.Fprintln(l.out, strings.Join(parts, "; "))
}

// Remark implements View.
func (l *lines) Remark(text string) {
	if l.every > 0 {
		fmt.Fprintln(l.out, text)
	}
}

// Close implements View.
func (l *lines) Close() {}
