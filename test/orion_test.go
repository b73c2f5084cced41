//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// aService has a trigger that opens connections to a listener, and tells what it was asked.
type aService struct {
	refuses    bool
	open       int    // connections
	to         string // where
	asked      chan asked
	statistics string
}

type asked struct {
	method, body string
	header       http.Header
}

func (s *aService) start(t *testing.T) (url string) {
	t.Helper()
	var open []net.Conn
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "1.4.3") })
	mux.HandleFunc("/statistics", func(w http.ResponseWriter, _ *http.Request) {
		if s.statistics == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, s.statistics)
	})
	mux.HandleFunc("/update", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.asked <- asked{r.Method, string(body), r.Header}
		if s.refuses {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		for range s.open {
			if conn, err := net.Dial("tcp", s.to); err == nil {
				open = append(open, conn)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	return server.URL
}

// TestOrionTrigger sends what makes the service open its connections, and fails if it opens none.
func TestOrionTrigger(t *testing.T) {
	t.Parallel()
	const json, lines = `{"Fiware-Service":"test","Fiware-ServicePath":"/t"}`, "Fiware-Service: test\nFiware-ServicePath:/t\nContent-Type: text/plain"
	for name, row := range map[string]struct {
		service     aService
		env         []string
		unreachable bool
		code        int
		want        asked
		queue       string
		logged      string
	}{
		"a bare trigger":       {aService{open: 7}, nil, false, exitOK, asked{"POST", "", http.Header{}}, "", ""},
		"a body in JSON":       {aService{open: 7}, []string{`BODY={"a": "ü"}`}, false, exitOK, asked{"POST", `{"a": "ü"}`, http.Header{"Content-Type": {"application/json"}}}, "", ""},
		"headers in JSON":      {aService{open: 1}, []string{"BODY=x", "METHOD=PATCH", "HEADERS=" + json}, false, exitOK, asked{"PATCH", "x", http.Header{"Fiware-Service": {"test"}, "Fiware-Servicepath": {"/t"}}}, "", ""},
		"headers in lines":     {aService{open: 1}, []string{`BODY={}`, "HEADERS=" + lines}, false, exitOK, asked{"POST", "{}", http.Header{"Fiware-Service": {"test"}, "Fiware-Servicepath": {"/t"}, "Content-Type": {"text/plain"}}}, "", ""},
		"a queue":              {aService{open: 3, statistics: `{"notifQueue":{"size":42}}`}, []string{"STATISTICS"}, false, exitOK, asked{method: "POST"}, "42", ""},
		"another queue":        {aService{open: 3, statistics: `{"a":{"b":[5]}}`}, []string{"STATISTICS", "QUEUE=a.b.0"}, false, exitOK, asked{method: "POST"}, "5", ""},
		"no queue":             {aService{open: 3, statistics: `{"x":1}`}, []string{"STATISTICS"}, false, exitOK, asked{method: "POST"}, "N/A", ""},
		"no statistics":        {aService{open: 3}, []string{"STATISTICS"}, false, exitOK, asked{method: "POST"}, "N/A", ""},
		"statistics of a text": {aService{open: 3, statistics: "hello"}, []string{"STATISTICS"}, false, exitOK, asked{method: "POST"}, "N/A", ""},
		"nothing hangs":        {aService{}, nil, false, exitThresholds, asked{method: "POST"}, "", ""},
		"a refused trigger":    {aService{open: 7, refuses: true}, nil, false, exitThresholds, asked{method: "POST"}, "", "the trigger was not taken: HTTP status 403"},
		"no service there":     {aService{}, nil, true, exitThresholds, asked{}, "", "the trigger was not taken: dial: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close()
			row.service.to, row.service.asked = listener.Addr().String(), make(chan asked, 1)
			url := row.service.start(t)
			args := []string{"-e", "HEALTH=" + url + "/version", "-e", "PEER=" + row.service.to, "-e", "SECONDS=2"}
			if row.unreachable {
				args = append(args, "-e", "TRIGGER=http://"+freePort(t)+"/update")
			} else {
				args = append(args, "-e", "TRIGGER="+url+"/update")
			}
			for _, variable := range row.env {
				if variable == "STATISTICS" {
					variable += "=" + url + "/statistics"
				}
				args = append(args, "-e", variable)
			}
			k := runK6(t, append(args, "examples/orion.js")...)
			assert.Equal(t, row.code, k.code, "%v", k.logs)
			if !row.unreachable {
				got := <-row.service.asked
				assert.Equal(t, []string{row.want.method, row.want.body}, []string{got.method, got.body})
				for _, name := range []string{"Fiware-Service", "Fiware-Servicepath", "Content-Type"} {
					assert.Equal(t, row.want.header[name], got.header[name], name)
				}
			}
			checkOrionLines(t, k, row.queue, row.logged, row.service.open)
		})
	}
}

// checkOrionLines looks at what the script has written: the column of the queue, if there is one, and what went wrong.
func checkOrionLines(t *testing.T, k *k6, queue, logged string, open int) {
	t.Helper()
	var all []string
	rows := 0
	for _, line := range k.logs {
		all = append(all, line.Message)
		fields := strings.Fields(line.Message)
		if len(fields) < 5 || fields[0] != strconv.Itoa(rows+1) {
			continue
		}
		rows++
		if queue != "" {
			require.Len(t, fields, 6)
			assert.Equal(t, queue, fields[2])
			assert.Equal(t, []string{strconv.Itoa(open), "0", strconv.Itoa(open)}, fields[3:])
		}
	}
	assert.Equal(t, 2, rows, "%v", all)
	if logged != "" {
		assert.Contains(t, strings.Join(all, "\n"), logged)
	}
}
