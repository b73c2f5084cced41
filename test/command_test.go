//go:build linux

package e2e

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The lines of docs/command.md that take the place of other tools' run, on the real binaries: a tool's own line under k6, and what says the
// same in our words.
func TestLinesOfOtherTools(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "command.md"))
	require.NoError(t, err)
	web := startCompanion(t, nil, "127.0.0.1", "-udp", "-echo", "127.0.0.1:0", "-http", "127.0.0.1:0", "-hostname", "web-1")
	echo, http := web.logged(t, `"Echo on; `).Address, web.logged(t, `"HTTP on; `).Address
	host, port, _ := strings.Cut(web.address, ":")
	recorded := filepath.Join(t.TempDir(), "run.json")
	here := strings.NewReplacer(
		"-address [::1]:5001 -nconn", "-address "+web.address+" -nconn", "flood [::1]:5001", "flood "+web.address,
		"10.0.0.2:5001", web.address, "10.0.0.0:5001", web.address, "10.0.0.0:5003", echo, "hold web:80", "hold "+web.address, "web 80", host+" "+port,
		"http://web/", "http://"+http+"/v1/ping", "10.0.0.2", "127.0.0.1",
		"222.222.222.0/24", "127.0.0.0/24", "222.222.222", "127.0.0", "50.0.0.0/16", "127.0.0.0/16",
		"[::1]:5001", "127.0.0.1:0", "[::]:5001", "127.0.0.1:0", "[::]:8080", "127.0.0.1:0", "[::]:8090", "127.0.0.1:0", "-s 8080", "-s "+unusedPort(t),
		"-timeout 1m", "-timeout 3s", "--duration 1m", "--duration 1s", "-timeout 12s", "-timeout 3s", "--duration 12s", "--duration 2s", "-d 1 ", "-d 0 ",
		"> run.json", "> "+recorded, "run.json", recorded,
	)
	rows := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `(?:mconnect|tcpgoon|ctraffic|perftest|pingmesh|slow_listener) [^|]*\\| `k6 ([^`]*)` \\| `k6 ([^`]*)` \\|$").FindAllStringSubmatch(string(text), -1) {
		rows++
		for _, line := range row[1:] {
			runLine(t, here.Replace(line))
		}
	}
	assert.Greater(t, rows, 12)
}

// runLine runs k6 with arguments, and perhaps a file for its output. A server is ended once it listens.
func runLine(t *testing.T, line string) {
	t.Helper()
	line, file, redirected := strings.Cut(line, " > ")
	p := start(t, nil, append([]string{k6Path}, strings.Fields(line)...)...)
	if strings.Contains(line, "server ") || strings.Contains(line, " -s ") && strings.Contains(line, "ping ") {
		p.awaitLine(t, " on")
		p.signal(syscall.SIGTERM)
	}
	assert.Equal(t, exitOK, p.wait(t), "%s\n%s\n%s", line, p.stdout, p.stderr)
	assert.NotContains(t, p.stderr.String(), "Loading the subcommand list")
	if redirected {
		require.NoError(t, os.WriteFile(file, []byte(p.stdout.String()), 0o600))
	}
}

// A symbolic link to k6 is the tool of that name.
func TestLinksNamedAsTools(t *testing.T) {
	t.Parallel()
	web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
	for name, row := range map[string]struct {
		args []string
		code int
		says string
	}{
		"mconnect": {[]string{"-address", web.address, "-nconn", "50"}, 0, "Failed connects; 0\nFailed reads; 0\nweb-1 50\n"},
		"tcpgoon":  {[]string{"127.0.0.1", "1", "-c", "2", "-s", "0", "-y"}, 2, "Time to error stats for 2 failed connections"},
		"ctraffic": {[]string{"-version"}, 0, ""},
	} {
		link := filepath.Join(t.TempDir(), name)
		binary, err := filepath.Abs(filepath.Join(root, k6Path))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(binary, link))
		p := start(t, nil, append([]string{link}, row.args...)...)
		assert.Equal(t, row.code, p.wait(t), "%s\n%s", name, p.stderr)
		assert.Contains(t, p.stdout.String(), row.says)
	}
}

// What `script` writes runs as it is, and gives the same verdicts.
func TestScriptOfACommandLine(t *testing.T) {
	t.Parallel()
	web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
	for _, row := range []struct {
		hosts string
		code  int
	}{{"web-1", exitOK}, {"web-1,web-2", exitThresholds}} {
		call := []string{"flood", web.address, "--connections", "50", "--expect-hosts", row.hosts}
		p := start(t, nil, append([]string{k6Path, "x", "mconnect"}, call...)...)
		assert.Equal(t, row.code, p.wait(t), p.stderr.String())
		p = start(t, nil, append([]string{k6Path, "x", "mconnect", "script"}, call...)...)
		require.Equal(t, exitOK, p.wait(t), p.stderr.String())
		script := filepath.Join(t.TempDir(), "script.js")
		require.NoError(t, os.WriteFile(script, []byte(p.stdout.String()), 0o600))
		assert.Equal(t, row.code, runK6(t, script).code)
	}
}

// k6 takes tcpgoon's -c for its own --config, and passes over a file that is missing: the number of connections would be 1.
func TestConnectionsAsTcpgoonHasThem(t *testing.T) {
	t.Parallel()
	p := start(t, nil, k6Path, "x", "mconnect", "flood", "127.0.0.1:1", "-c", "1000")
	assert.Equal(t, 1, p.wait(t))
	assert.Contains(t, p.stderr.String(), "got -c 1000, which is k6's --config; do you mean --connections 1000?")
	p = start(t, nil, k6Path, "x", "mconnect", "hold", "127.0.0.1", "1", "--connections", "10")
	assert.Equal(t, 1, p.wait(t))
	assert.Contains(t, p.stderr.String(), "nobody can answer: -y goes on. This is tcpgoon's command line, with its defaults; k6's own is: k6 x mconnect hold 127.0.0.1:1")
}

// Ctrl-C ends a call, and shows what there is; a second one ends the process.
func TestInterruptedCommand(t *testing.T) {
	t.Parallel()
	web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
	for call, flags := range map[string]string{
		"flood":    "--connections 100000 --rate 10",
		"hold":     "--connections 5 --duration 10m",
		"capacity": "--connections 1000 --rate 10",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			line := append([]string{k6Path, "x", "mconnect", call, web.address, "--monitor", "100ms"}, strings.Fields(flags)...)
			p := start(t, nil, line...)
			p.awaitLine(t, "Total: ")
			p.signal(syscall.SIGINT)
			assert.Equal(t, exitThresholds, p.wait(t), p.stderr.String())
			assert.Contains(t, p.stdout.String(), "ended from outside")
		})
	}
}

// A second Ctrl-C ends the process at once, also one that could not go on: here nobody reads what it writes.
func TestSecondInterruptOfCommand(t *testing.T) {
	t.Parallel()
	web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
	unread, full, err := os.Pipe()
	require.NoError(t, err)
	defer unread.Close()
	defer full.Close()
	_, err = unix.FcntlInt(full.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	require.NoError(t, err)
	c := exec.Command(k6Path, "x", "mconnect", "hold", web.address, "--connections", "5", "--monitor", "100ms", "--html", "-")
	lines, err := c.StderrPipe()
	require.NoError(t, err)
	c.Dir, c.Stdout = root, full
	c.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true")
	require.NoError(t, c.Start())
	late := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer late.Stop()
	stderr := bufio.NewScanner(lines)
	await := func(part string) {
		for stderr.Scan() {
			if strings.Contains(stderr.Text(), part) {
				return
			}
		}
		t.Errorf("%q never came", part)
	}
	await("Established: 5")
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	await("5 of 5 connections were kept") // the summary is there, and the page can't be written
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	_, _ = io.Copy(io.Discard, lines)
	var ended *exec.ExitError
	require.ErrorAs(t, c.Wait(), &ended)
	assert.Equal(t, exitAborted, ended.ExitCode())
}

// unusedPort is one that nobody listens on just now.
func unusedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "[::]:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
