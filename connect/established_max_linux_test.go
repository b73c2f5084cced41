package connect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	limitedVariable = "MCONNECT_TEST_LIMITED"
	heldMost        = 1020 // by the process of TestHelperLimited
	heldOf          = 3000 // connections that it waits for
)

// Connections that the target has closed before it took the next ones were not established at once with these. The target is a process of
// its own, which knows how many there were at most: those that it kept, and those in its accept queue. How many wait there differs.
func TestHoldEstablishedMax(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{16, 16, 256, 256, 256} { // one loop, and two
		target := helper(t, "TestHelperLimited", limitedVariable)
		h, err := (&Engine{}).Hold(context.Background(), HoldPlan{Plan: Plan{Targets: []Target{target.Target}, Connections: heldOf, Concurrency: concurrency}})
		require.NoError(t, err)
		<-h.Settled()
		settled := h.Result() // while closes are still on their way
		r := h.Close()
		var most int64
		_, err = fmt.Fscan(target, &most)
		require.NoError(t, err)
		const few = 32 // that the target has not looked at
		assert.LessOrEqual(t, settled.EstablishedMax, most+few)
		assert.LessOrEqual(t, r.EstablishedMax, most+few)
		assert.GreaterOrEqual(t, r.EstablishedMax, int64(heldMost))
		assert.EqualValues(t, heldOf, r.EstablishedTotal)
	}
}

// TestHelperLimited is a process of its own: it keeps some connections, and closes all others as soon as it has accepted them. In the end
// it tells how many were established at most.
func TestHelperLimited(t *testing.T) {
	if os.Getenv(limitedVariable) == "" {
		return // not in the process that helper starts
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, heldOf))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	fmt.Println(net.JoinHostPort("127.0.0.1", fmt.Sprint(name.(*unix.SockaddrInet4).Port)))
	kept, most := 0, 0
	for range heldOf {
		queue, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		require.NoError(t, err)
		most = max(most, kept+int(queue.Unacked)) // of a listener, those that are not accepted
		conn, _, err := unix.Accept(fd)
		require.NoError(t, err)
		if kept < heldMost {
			kept++
			continue
		}
		require.NoError(t, unix.Close(conn))
	}
	fmt.Println(most)
	_, _ = io.Copy(io.Discard, os.Stdin) // keeps them until the test ends
}

// helped is a process that is a test's target.
type helped struct {
	io.Reader // what it says after its address
	Target
}

// helper starts a test of this package as a process of its own, which tells the address of its listener in its first line.
func helper(t *testing.T, name, variable string) helped {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	var address string
	_, err = fmt.Fscan(lines, &address)
	require.NoError(t, err)
	parsed, err := ParseTarget(address)
	require.NoError(t, err)
	return helped{lines, parsed}
}
