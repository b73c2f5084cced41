package mesh_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// stateOfChild is the variable with the state file of a process that a test has started to be killed.
const stateOfChild = "MESH_TEST_STATE"

// holdState is that process: it has a mesh with the state file until it is killed, or its parent is gone.
func holdState(file string) {
	m, err := mesh.Start(mesh.Options{Location: "child", State: file})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Stop()
	fmt.Println("started")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func inUse(pid int) string {
	return fmt.Sprintf("is in use by another server (process %d): stop that one, or give each server a file of its own", pid)
}

// A second server on the same file is told so, and the first does not notice.
func TestStateOfTwoServers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	options := mesh.Options{Location: "second", State: file}
	first := begin(t, mesh.Options{State: file, Peers: []mesh.Target{target(t, "http://"+refused(t)+"/x")}})
	require.ErrorContains(t, options.Check(), inUse(os.Getpid()))
	_, err := mesh.Start(options)
	require.ErrorContains(t, err, "State "+fmt.Sprintf("%q", file)+": "+inUse(os.Getpid()))
	assert.Len(t, savedURLs(t, file), 1)
	_, err = mesh.Start(options)
	require.Error(t, err, "the second has not taken the lock away")

	first.Stop()
	require.NoError(t, options.Check())
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no lock is left")
	second, err := mesh.Start(options)
	require.NoError(t, err)
	second.Stop()
}

// A lock goes with its process, even if that could do nothing about it.
func TestStateOfKilledServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), stateOfChild+"="+file)
	in, err := child.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started", strings.TrimSpace(line))
	options := mesh.Options{Location: "here", State: file}
	require.ErrorContains(t, options.Check(), inUse(child.Process.Pid))

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	assert.FileExists(t, file+".lock")
	m, err := mesh.Start(options)
	require.NoError(t, err)
	m.Stop()
}

// Whoever comes and goes, one at a time has the file.
func TestStateHasOneOwner(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	var owners, starts atomic.Int64
	var servers sync.WaitGroup
	until := time.Now().Add(patience)
	for range 4 {
		servers.Go(func() {
			for starts.Load() < 100 && time.Now().Before(until) {
				m, err := mesh.Start(mesh.Options{Location: "here", State: file})
				if err != nil {
					assert.ErrorContains(t, err, "is in use by another server")
					continue
				}
				assert.EqualValues(t, 1, owners.Add(1))
				starts.Add(1)
				owners.Add(-1)
				m.Stop()
			}
		})
	}
	servers.Wait()
	assert.GreaterOrEqual(t, starts.Load(), int64(100))
}
