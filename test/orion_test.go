//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	hangingService  = "E2E_HANGING_SERVICE" // the address to listen on
	hangingNotify   = "E2E_HANGING_NOTIFY"  // the slow listener
	hangingNumber   = "E2E_HANGING_NUMBER"  // of notifications
	hangingLimit    = "E2E_HANGING_LIMIT"   // of file descriptors
	hangingOverhead = 60                    // descriptors besides those of the notifications
)

// serveAndHang is a service like Orion: an update makes it notify the slow listener many times at once, and it waits for
// each answer on a connection that it never closes.
func serveAndHang() {
	number, _ := strconv.Atoi(os.Getenv(hangingNumber))
	limit, _ := strconv.ParseUint(os.Getenv(hangingLimit), 10, 64)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var pending []net.Conn
	http.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "1.4.3") })
	http.HandleFunc("POST /update", func(w http.ResponseWriter, _ *http.Request) {
		for range number {
			conn, err := net.Dial("tcp", os.Getenv(hangingNotify))
			if err != nil { // out of descriptors, as the failing Orion was
				go takeTheRest()
				break
			}
			fmt.Fprint(conn, "POST /notify HTTP/1.1\r\nHost: cb\r\nContent-Length: 2\r\n\r\n{}")
			pending = append(pending, conn)
		}
		fmt.Fprintln(w, len(pending))
	})
	fmt.Fprintln(os.Stderr, "serving")
	fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Getenv(hangingService), nil))
	os.Exit(1)
}

// takeTheRest takes every descriptor that becomes free, as the seed's procedure does with a telnet session.
func takeTheRest() {
	var taken []*os.File
	for {
		if f, err := os.Open(os.DevNull); err == nil {
			taken = append(taken, f)
			continue
		}
		time.Sleep(5 * time.Millisecond)
		runtime.KeepAlive(taken)
	}
}

func startHangingService(t *testing.T, notify string, number, descriptors int) (address string) {
	t.Helper()
	address = freePort(t)
	p := start(t, nil, "env",
		hangingService+"="+address, hangingNotify+"="+notify,
		fmt.Sprintf("%s=%d", hangingNumber, number), fmt.Sprintf("%s=%d", hangingLimit, descriptors), os.Args[0])
	p.awaitLine(t, "serving")
	return address
}

// second is a row of orion.js's table.
type second struct {
	health                      string
	established, closeWait, sum int
}

func table(t *testing.T, k *k6) []second {
	t.Helper()
	var rows []second
	for _, line := range k.logs {
		fields := strings.Fields(line.Message)
		if line.Source != "console" || len(fields) != 5 || fields[0] != strconv.Itoa(len(rows)+1) {
			continue
		}
		row := second{health: fields[1]}
		for i, to := range []*int{&row.established, &row.closeWait, &row.sum} {
			n, err := strconv.Atoi(fields[2+i])
			require.NoError(t, err)
			*to = n
		}
		rows = append(rows, row)
	}
	return rows
}

// TestOrion reproduces the two tables of the connections stress test: the service that stays healthy while its
// notifications hang, and after they are answered, and the one that runs out of file descriptors.
func TestOrion(t *testing.T) {
	t.Parallel()
	const notifications, seconds = 2000, 8
	for name, row := range map[string]struct {
		descriptors int
		code        int
		health      string
		held        int
		remote      bool
	}{
		"enough descriptors":         {notifications + 500, exitOK, "OK", notifications, false},
		"too few":                    {notifications, exitThresholds, "NOK", notifications - hangingOverhead, false},
		"seen by the service's host": {notifications + 500, exitOK, "OK", notifications, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := freePort(t)
			listener := start(t, nil, serverPath, "-address", freePort(t), "-http", slow, "-delay", "4s", "-stats", "1s", "-close")
			listener.awaitLine(t, slow)
			service := startHangingService(t, slow, notifications, row.descriptors)

			args := []string{
				"-e", "HEALTH=http://" + service + "/version", "-e", "TRIGGER=http://" + service + "/update",
				"-e", "PEER=" + slow, "-e", fmt.Sprintf("SECONDS=%d", seconds),
			}
			if row.remote {
				host := freePort(t)
				start(t, nil, serverPath, "-address", freePort(t), "-http", host).awaitLine(t, host)
				args = append(args, "-e", "REMOTE=http://"+host)
			}
			k := runK6(t, append(args, "examples/orion.js")...)
			rows := table(t, k)
			require.Len(t, rows, seconds, "%v", k.logs)
			assert.Equal(t, row.code, k.code)

			first, last := rows[0], rows[seconds-1]
			assert.GreaterOrEqual(t, first.established, row.held, "they hang")
			assert.Zero(t, first.closeWait)
			assert.Zero(t, last.established, "they are answered, and the slow listener has closed them")
			assert.Equal(t, first.established, last.closeWait, "the service does not close them")
			for i, r := range rows {
				if i > 0 { // the first look may still find the descriptor of the update itself
					assert.Equal(t, row.health, r.health)
				}
				assert.Equal(t, r.established+r.closeWait, r.sum)
				assert.InDelta(t, first.sum, r.sum, float64(first.sum)/10, "the sum stays")
			}
			assert.Eventually(t, func() bool {
				return strings.Contains(listener.stdout.String(), fmt.Sprintf("Received  %d Rate", first.established))
			},
				patience, 50*time.Millisecond, "%s", listener.stdout)
		})
	}
}
