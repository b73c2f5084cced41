package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// openTerminal opens a pseudo-terminal of a size.
func openTerminal(t *testing.T, size unix.Winsize) (control, terminal *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	needs.Allowed(t, "open pseudo-terminals", err)
	require.NoError(t, err)
	t.Cleanup(func() { _ = control.Close() })
	fd := int(control.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size))
	return control, terminal
}

// What is drawn is as wide as the terminal, and is gone in the end: also on one that has no size, and on one that becomes narrower.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		before, after unix.Winsize
		rows          int // to be cleared
	}{
		"usual":    {unix.Winsize{Row: 24, Col: 80}, unix.Winsize{Row: 24, Col: 80}, 3},
		"no size":  {unix.Winsize{}, unix.Winsize{}, 3},
		"narrower": {unix.Winsize{Row: 24, Col: 80}, unix.Winsize{Row: 24, Col: 20}, 8},
		"wider":    {unix.Winsize{Row: 24, Col: 30}, unix.Winsize{Row: 24, Col: 200}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			control, terminal := openTerminal(t, row.before)
			v := Terminal(terminal, int(terminal.Fd()), Call{Title: "flood 10.0.0.2:5001", Asked: 10})
			v.Monitor(connect.States{Established: 3, NotInitiated: 7})
			drawn := make([]byte, 1<<16)
			n, err := control.Read(drawn)
			require.NoError(t, err)
			text := string(drawn[:n])
			assert.Contains(t, text, "flood 10.0.0.2:5001")
			for line := range strings.SplitSeq(strings.TrimSpace(text), "\r\n") {
				if row.before.Col > 0 {
					assert.Less(t, len([]rune(line)), int(row.before.Col))
				}
			}
			require.NoError(t, unix.IoctlSetWinsize(int(control.Fd()), unix.TIOCSWINSZ, &row.after))
			v.Close()
			v.Close() // does nothing more
			require.NoError(t, terminal.Close())
			rest, _ := io.ReadAll(control) // ends with EIO
			_, erased, _ := strings.Cut(string(rest), "A"+clearRow)
			assert.Regexp(t, fmt.Sprintf(`^\r\n(\x1b\[2K\r\n){%d}\x1b\[%dA$`, row.rows-1, row.rows), erased)
		})
	}
}
