package connect

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

const pausedClient = "MCONNECT_TEST_PAUSED"

const (
	answerAfter   = 30 * time.Millisecond
	pausedTimeout = 150 * time.Millisecond
)

// pausedModes are the ways to connect, how many connections are made, and how many at once: TLS takes the processor's time.
var pausedModes = map[string]struct{ connections, concurrency int }{
	"loops": {2000, 40}, "package net": {2000, 40}, "tls": {300, 8}, packetsMode: {2000, 40},
}

const packetsMode = "packets" // which has networks of its own: see TestPausedPackets

// TestPausedProcess stops a client five times for twice its timeout. What arrived meanwhile came in time: none of it is an error.
func TestPausedProcess(t *testing.T) {
	here := func(f func() error) error { return f() }
	for mode := range pausedModes {
		if mode != packetsMode {
			t.Run(mode, func(t *testing.T) { testPaused(t, mode, "127.0.0.1:0", here, here) })
		}
	}
}

// PausePackets does the same with packets, in the networks that it is given: where the peer listens, and the client runs.
func PausePackets(t *testing.T, listen string, server, client func(func() error) error) {
	t.Helper()
	testPaused(t, packetsMode, listen, server, client)
}

func testPaused(t *testing.T, mode, listen string, server, client func(func() error) error) {
	t.Helper()
	for range 3 {
		text, lag := pauses(t, mode, listen, server, client)
		switch {
		case strings.Contains(text, " falsely failed 0 "):
			return
		case lag < 10*time.Millisecond:
			t.Fatal(text)
		}
		t.Logf("once more, as this machine is busy: it lags by %v. %s", lag, text)
	}
	needs.LeaveOut(t, "this machine is too busy to tell a pause from the lack of a processor")
}

// lag measures how late this machine lets a process run, until it is stopped.
func lag(stop <-chan struct{}) (most time.Duration) {
	for {
		before := time.Now()
		select {
		case <-stop:
			return most
		case <-time.After(time.Millisecond):
			most = max(most, time.Since(before)-time.Millisecond)
		}
	}
}

// pauses runs TestHelperPaused in a process of its own, and stops it now and then. It returns what that says, and how much the machine
// lagged.
func pauses(t *testing.T, mode, listen string, server, client func(func() error) error) (text string, lagged time.Duration) {
	t.Helper()
	var listener net.Listener
	require.NoError(t, server(func() (err error) {
		listener, err = net.Listen("tcp", listen)
		return err
	}))
	to := answersLate(t, listener, mode == "tls")
	stop := make(chan struct{})
	var lagging sync.WaitGroup
	lagging.Go(func() { lagged = lag(stop) })
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperPaused$", "-test.v")
	cmd.Env = append(os.Environ(), pausedClient+"="+mode, fewTarget+"="+to)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, client(cmd.Start))
	lines := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "begins"); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err, "%s", line)
	}
	for range 5 {
		time.Sleep(60 * time.Millisecond) // it runs
		require.NoError(t, cmd.Process.Signal(unix.SIGSTOP))
		time.Sleep(2 * pausedTimeout) // it does not
		require.NoError(t, cmd.Process.Signal(unix.SIGCONT))
	}
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), "%s", rest)
	close(stop)
	lagging.Wait()
	return string(rest), lagged
}

// answersLate is a peer that answers late, but in time.
func answersLate(t *testing.T, listener net.Listener, secure bool) (address string) {
	t.Helper()
	var serving sync.WaitGroup
	if secure {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{ownCertificate(t)}, MinVersion: tls.VersionTLS13})
	}
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				time.Sleep(answerAfter)
				_, _ = io.WriteString(conn, "web-1\n") // shakes hands before, if that is TLS
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

func ownCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHelperPaused(t *testing.T) {
	mode := os.Getenv(pausedClient)
	if mode == "" {
		return // not in the process that TestPausedProcess starts
	}
	target, err := ParseTarget(os.Getenv(fewTarget))
	require.NoError(t, err)
	var failed falselyFailed
	size := pausedModes[mode]
	plan := FloodPlan{Plan: Plan{Targets: []Target{target}, Connections: int64(size.connections), Concurrency: size.concurrency, ConnectTimeout: pausedTimeout, Timeout: time.Minute, Observer: &failed}}
	if mode == "tls" {
		plan.Network = "tls"
		plan.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13} // #nosec G402 -- a peer of this test's own
	}
	plan.KernelBypass = mode == packetsMode
	e := Engine{portable: mode != "loops"}
	fmt.Println("begins")
	r, err := e.Flood(t.Context(), plan)
	require.NoError(t, err)
	requireSums(t, r)
	assert.Greater(t, r.States.Completed, int64(size.connections/2))
	fmt.Println("completed", r.States.Completed, "falsely failed", failed, r.Errors, r.First)
}

// falselyFailed counts failures that a pause fell into. Others are those of a machine that is busy: a handshake takes it too long.
type falselyFailed int

func (f *falselyFailed) Outcomes(batch []Outcome) {
	for i := range batch {
		if o := &batch[i]; o.Class != ClassNone && o.Elapsed() >= 2*pausedTimeout {
			*f++
		}
	}
}
func (f *falselyFailed) Second()        {}
func (f *falselyFailed) Monitor(States) {}
