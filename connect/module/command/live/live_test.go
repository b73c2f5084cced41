package live

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// running is a board of a flood that is half done, with a name that would drive a terminal.
func running() (b *board, now time.Time) {
	b = newBoard(Call{Title: "flood web:5001", Asked: 10_000, Limit: 12 * time.Second})
	now = b.start.Add(2 * time.Second)
	b.lately.add(now.Add(-time.Second), 2500)
	b.Monitor(connect.States{NotInitiated: 5000, Dialing: 64, Completed: 4930, Error: 6})
	b.lately.marks = []mark{{now.Add(-time.Second), 2500}, {now, 5000}}
	b.Outcomes([]connect.Outcome{{Host: "web-1"}, {Host: "web-1"}, {Host: "web-2"}, {Host: "\x1b[2J"}, {Class: connect.ClassRefused}, {Class: connect.ClassRefused}, {Class: connect.ClassTimeout}})
	return b, now
}

func TestBoard(t *testing.T) {
	t.Parallel()
	b, now := running()
	text := strings.Join(b.lines(now, 200), "\n")
	for _, part := range []string{
		"flood web:5001  2 s, about 2 s left", " 49 %  5,000 begun, 2,500/s", "dialing 64, established 0, completed 4,930, failed 6, to do 5,000",
		"web-1 50.0 %", "web-2 25.0 %", "failures: refused 2, timeout 1",
	} {
		assert.Contains(t, text, part)
	}
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "packets")
	b.Sample(connect.TrafficSample{Sent: 1200, Received: 1100}, 0, 0)
	b.Sample(connect.TrafficSample{Sent: 300, Received: 390, Dropped: 2, Lost: 1}, 0, 0)
	assert.Contains(t, strings.Join(b.lines(now, 200), "\n"), "packets sent 1,500, received 1,490, dropped 2; connections lost 1")
}

// No line wraps, however narrow the terminal is.
func TestBoardFits(t *testing.T) {
	t.Parallel()
	b, now := running()
	for _, width := range []int{1, 5, 20, 40, 80, 200} {
		for _, line := range b.lines(now, width) {
			assert.LessOrEqual(t, runewidth.StringWidth(line), max(width-1, 1), "%d columns: %q", width, line)
		}
	}
}

// The bar leaves room for all figures beside it.
func TestBarKeepsItsFigures(t *testing.T) {
	t.Parallel()
	b, now := running()
	for _, width := range []int{60, 80, 200} {
		assert.Contains(t, b.lines(now, width)[1], "]  49 %  5,000 begun, 2,500/s", "%d columns", width)
	}
}

// How far a call is, is told of what it asks for in the end: a capacity grows step by step, and nobody knows how many connections an idle takes.
func TestHowFar(t *testing.T) {
	t.Parallel()
	step := connect.States{Established: 1500}
	for name, row := range map[string]struct {
		call Call
		says string
	}{
		"a capacity": {Call{Asked: 3000}, "]  50 %  1,500 begun"},
		"an idle":    {Call{Limit: time.Minute}, "  1,500 begun"},
	} {
		b := newBoard(row.call)
		b.Monitor(step)
		line := b.lines(b.start.Add(time.Second), 80)[1]
		assert.Contains(t, line, row.says, name)
		assert.Equal(t, name == "a capacity", strings.Contains(line, "%"), name)
	}
}

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		call Call
		says string
	}{
		"a duration":  {Call{Limit: 10 * time.Minute, Total: true}, "9:58 min left"},
		"a limit":     {Call{Limit: 3 * time.Hour}, "at most 2:59 h left"},
		"nobody says": {Call{}, ""},
	} {
		b := newBoard(row.call)
		assert.Equal(t, row.says, b.left(b.start.Add(2*time.Second)), name)
	}
}

// Elsewhere each line is whole, and begins as tcpgoon's does.
func TestLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	v := Lines(&out, time.Second, Call{})
	v.Outcomes([]connect.Outcome{{Host: "web-1"}, {Class: connect.ClassReset}})
	v.Monitor(connect.States{Established: 9, Dialing: 1})
	v.Remark("connections that were silent for 1s are well")
	v.Close()
	assert.Equal(t, "Total: 10, Dialing: 1, Established: 9, Closed: 0, Error: 0, NotInitiated: 0; failures: reset 1; web-1 100.0 %\nconnections that were silent for 1s are well\n", out.String())
	assert.Equal(t, time.Second, v.Every())
}

// What a narrower terminal has wrapped takes more rows than were drawn.
func TestWrapped(t *testing.T) {
	t.Parallel()
	lines := []string{strings.Repeat("x", 79), "short", ""}
	for width, rows := range map[int]int{79: 3, 78: 4, 40: 4, 20: 6} {
		assert.Equal(t, rows, wrapped(lines, width), "%d columns", width)
	}
}
