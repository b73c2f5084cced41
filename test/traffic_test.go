//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// trafficResult is a TrafficResult.
type trafficResult struct {
	Connections    int64             `json:"connections"`
	Lost           int64             `json:"lost"`
	Lasting        int64             `json:"lasting"`
	Reconnects     int64             `json:"reconnects"`
	FailedConnects int64             `json:"failed_connects"`
	Moved          int64             `json:"moved"`
	Sent           int64             `json:"sent"`
	Received       int64             `json:"received"`
	Dropped        int64             `json:"dropped"`
	Retransmits    int64             `json:"retransmits"`
	LostByHost     map[string]int64  `json:"lost_by_host"`
	LastingByHost  map[string]int64  `json:"lasting_by_host"`
	RoundTrip      spread            `json:"round_trip"`
	Errors         map[string]int64  `json:"errors"`
	FirstErrors    map[string]string `json:"first_errors"`
	FirstLoss      *float64          `json:"first_loss"`
	LastLoss       *float64          `json:"last_loss"`
	Recovered      *float64          `json:"recovered"`
	States         states            `json:"states"`
	Omitted        int64             `json:"records_omitted"`
	StartTime      time.Time         `json:"start_time"`
	Duration       float64           `json:"duration"`
	Samples        []struct {
		Time, Active, Connecting, New, Lost, Sent, Received, Dropped float64
	} `json:"samples"`
	Records []struct {
		Started, Connected, Ended float64
		Sent, Received, Dropped   int64
		Error, Local, Remote      string
		Host                      string
	} `json:"records"`
}

// at is the instant so many milliseconds after the start.
func (r *trafficResult) at(ms *float64) time.Time {
	return r.StartTime.Add(time.Duration(*ms * float64(time.Millisecond)))
}

// traffic is tells for a TrafficResult, whose sums and metrics it checks.
func (h *held) traffic(t *testing.T, name string) trafficResult {
	t.Helper()
	r := tells[trafficResult](t, h, name)
	var samples, records [5]int64
	for _, s := range r.Samples {
		for i, v := range []float64{s.New, s.Lost, s.Sent, s.Received, s.Dropped} {
			samples[i] += int64(v)
		}
	}
	for _, c := range r.Records {
		records[2] += c.Sent
		records[3] += c.Received
		records[4] += c.Dropped
		if c.Connected > 0 {
			records[0]++
			if c.Error != "" {
				records[1]++
			}
		}
	}
	assert.Zero(t, r.Omitted, "%s: records_omitted", name)
	want := [5]int64{r.Lost + r.Lasting, r.Lost, r.Sent, r.Received, r.Dropped}
	assert.Equal(t, want, samples, "%s: samples", name)
	assert.Equal(t, want, records, "%s: records", name)
	assert.Equal(t, r.Lost, total(r.LostByHost), "%s: %v", name, r.LostByHost)
	assert.Equal(t, r.Lasting, total(r.LastingByHost), "%s: %v", name, r.LastingByHost)
	assert.Equal(t, states{Completed: r.Lasting, Error: r.Lost + r.FailedConnects}, states{Completed: r.States.Completed, Error: r.States.Error})
	for metric, want := range map[string]int64{
		"mconnect_packets_sent":     r.Sent,
		"mconnect_packets_received": r.Received,
		"mconnect_packets_dropped":  r.Dropped,
		"mconnect_connections_lost": r.Lost,
		"mconnect_reconnects":       r.Reconnects,
		"mconnect_flows_moved":      r.Moved,
		"mconnect_round_trip":       r.Received,
	} {
		assert.Equal(t, want, h.Metrics[metric].count(), "values of %s", metric)
	}
	return r
}

func TestTraffic(t *testing.T) {
	for name, test := range map[string]struct{ host, network string }{
		"tcp over IPv4": {"127.0.0.1", "tcp"},
		"tcp over IPv6": {"::1", "tcp6"},
		"udp over IPv4": {"127.0.0.1", "udp"},
		"udp over IPv6": {"::1", "udp6"},
	} {
		t.Run(name, func(t *testing.T) {
			address := net.JoinHostPort(test.host, portOf(t, freePort(t)))
			startCompanion(t, nil, test.host, "-echo", address, "-hostname", "backend")
			done := holdTest{
				args: object{"target": address, "options": object{
					"network": test.network, "connections": 400, "rate": 2000, "duration": "3s", "lossTimeout": "5s", "close": "rst",
				}},
				body: `tell('result', await traffic(args.target, args.options));`,
			}.run(t)
			r := done.traffic(t, "result")
			assert.Zero(t, r.Lost+r.Reconnects+r.FailedConnects, "%v", r.FirstErrors)
			assert.Equal(t, map[string]int64{"backend": 400}, r.LastingByHost)
			assert.Equal(t, r.Sent, r.Received)
			assert.InDelta(t, 6000, r.Sent+r.Dropped, 500, "2,000 packets a second, less what was not connected yet")
			assert.Positive(t, r.RoundTrip.Min)
		})
	}
}

// A time limit below the duration ends a call early, and the log says so.
func TestTrafficCutShort(t *testing.T) {
	address := freePort(t)
	startCompanion(t, nil, "127.0.0.1", "-echo", address)
	done := holdTest{
		args: object{"target": address},
		body: `tell('result', await traffic(args.target, { duration: '1m', timeout: '300ms' }));`,
	}.run(t)
	r := tells[trafficResult](t, done, "result")
	assert.EqualValues(t, 1, r.Lasting)
	assert.Len(t, done.warned("ends before its duration, 1m0s"), 1, "%s", done.stderr)
}

// A pause of k6 itself, as on a machine that is too busy, is none of the target's: what came in time is only seen late.
func TestPausedClient(t *testing.T) {
	for network, flags := range map[string][]string{"tcp": nil, "tls": tlsFlags(t)} {
		t.Run(network, func(t *testing.T) {
			address := freePort(t)
			c := startCompanion(t, nil, "127.0.0.1", append([]string{"-echo", address, "-hostname", "backend"}, flags...)...)
			run := holdTest{
				script: object{"insecureSkipTLSVerify": true},
				args: object{"responder": c.address, "target": address, "network": network, "options": object{
					"network": network, "connections": 100, "duration": "4s", "lossTimeout": "400ms", "close": "rst", "monitor": "50ms",
				}},
				body: `
					const held = await hold(args.responder, { network: args.network, connections: 30, keepalive: '400ms' });
					tell('result', await traffic(args.target, args.options));
					tell('closed', await held.close());
				`,
			}.start(t)
			run.awaitLine(t, "Established: 100")
			run.signal(syscall.SIGSTOP)
			time.Sleep(time.Second) // the pause
			run.signal(syscall.SIGCONT)
			done := run.await(t, 0)
			r := tells[trafficResult](t, done, "result")
			assert.Zero(t, r.Lost, "%v", r.FirstErrors)
			assert.GreaterOrEqual(t, r.RoundTrip.Max, 900.0, "but it is in the round trips")
			closed := done.result(t, "closed")
			assert.Equal(t, states{Completed: 30}, closed.States, "%v", closed.FirstErrors)
		})
	}
}

func tlsFlags(t *testing.T) []string {
	t.Helper()
	_, cert, key := certify(t, []string{"127.0.0.1"}, nil)
	return []string{"-tls-cert", cert, "-tls-key", key}
}

// A backend that is killed and started again: the result tells whose connections were lost, and when all were up again.
func TestTrafficRecovers(t *testing.T) {
	const each = 100
	one, two := freePort(t), freePort(t)
	startCompanion(t, nil, "127.0.0.1", "-echo", one, "-hostname", "one")
	killed := startCompanion(t, nil, "127.0.0.1", "-echo", two, "-hostname", "two")
	run := holdTest{
		args: object{"targets": []string{one, two}, "connections": 2 * each},
		body: `
			const established = async (n) => until(async () => (await sockets({ remote: args.targets[1] })).established === n);
			const watch = async () => {
				await established(args.connections / 2);
				tell('up');
				await established(0);
				tell('down');
			};
			const [result] = await Promise.all([
				traffic(args.targets, { connections: args.connections, rate: 1000, duration: '8s', lossTimeout: '5s', close: 'rst' }), watch(),
			]);
			tell('result', result);
		`,
	}.start(t)
	run.awaitLine(t, "told up")
	before := time.Now()
	killed.signal(syscall.SIGKILL)
	run.awaitLine(t, "told down")
	back := time.Now()
	startCompanion(t, nil, "127.0.0.1", "-echo", two, "-hostname", "again")
	require.Eventually(t, func() bool {
		table, err := sockets.Count(t.Context(), sockets.Query{Port: uint16(portNumber(t, two))})
		return err == nil && table.Established == each
	}, patience, 10*time.Millisecond)
	truth := time.Now()
	done := run.await(t, exitOK)
	r := done.traffic(t, "result")
	assert.EqualValues(t, each, r.Lost)
	assert.NotContains(t, r.LostByHost, "one")
	assert.Positive(t, r.LostByHost["two"], "those that have had an echo know from whom")
	assert.Equal(t, map[string]int64{"one": each, "again": each}, r.LastingByHost)
	assert.EqualValues(t, each, r.Reconnects)
	require.NotNil(t, r.Recovered)
	assert.False(t, r.at(r.FirstLoss).Before(before))
	assert.LessOrEqual(t, *r.FirstLoss, *r.LastLoss)
	assert.False(t, r.at(r.Recovered).Before(back))
	assert.WithinDuration(t, truth, r.at(r.Recovered), 10*time.Second)
	assert.Len(t, done.warned("were lost under traffic"), 1, "%s", done.stderr)
}

// Random loss on the way is TCP's business: segments are sent again, echoes come late, and nothing is lost.
func TestTrafficOverLossyPath(t *testing.T) {
	ns := newNamespace(t)
	address := "127.0.0.1:5003"
	startCompanion(t, ns, "127.0.0.1", "-echo", address)
	ns.rules(t, `table inet e2e {
		chain in {
			type filter hook input priority 0
			tcp dport 5003 numgen random mod 100 < 5 drop
			udp dport 5003 numgen random mod 100 < 5 drop
		}
	}`)
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			done := holdTest{
				ns: ns,
				args: object{"target": address, "options": object{
					"network": network, "connections": 50, "rate": 500, "duration": "4s", "connectTimeout": "20s", "lossTimeout": "20s", "close": "rst",
				}},
				body: `tell('result', await traffic(args.target, args.options));`,
			}.run(t)
			r := done.traffic(t, "result")
			assert.Zero(t, r.Lost, "%v", r.FirstErrors)
			assert.EqualValues(t, 50, r.Lasting)
			if network == "tcp" {
				assert.Positive(t, r.Retransmits)
				assert.Positive(t, r.Dropped, "slots that came while a segment was being sent again")
				assert.Equal(t, r.Sent, r.Received)
				assert.Equal(t, r.Retransmits, done.Metrics["mconnect_retransmits"].count())
			} else {
				assert.Less(t, r.Received, r.Sent)
				assert.Greater(t, r.Received, r.Sent*8/10)
			}
		})
	}
}

// Ctrl-C in the middle: what was alive has lasted, and everything is accounted for.
func TestTrafficInterrupted(t *testing.T) {
	address := freePort(t)
	startCompanion(t, nil, "127.0.0.1", "-echo", address)
	run := holdTest{
		args: object{"target": address},
		body: `
			const watch = async () => {
				await until(async () => (await sockets({ remote: args.target })).established === 50);
				tell('up');
			};
			await Promise.all([traffic(args.target, { connections: 50, rate: 500, duration: '1m', close: 'rst' }), watch()]);
		`,
	}.start(t)
	run.awaitLine(t, "told up")
	run.signal(syscall.SIGINT)
	done := run.await(t, exitAborted)
	assert.Equal(t, states{Completed: 50}, done.Report.States)
	assert.Zero(t, done.Metrics["mconnect_connections_lost"].count())
}

// A hostile server: HTTP where an echo should be.
func TestTrafficToWebServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	web := &http.Server{ReadHeaderTimeout: time.Second}
	go func() { _ = web.Serve(listener) }()
	t.Cleanup(func() { _ = web.Close() })
	done := holdTest{
		args: object{"target": listener.Addr().String()},
		body: `tell('result', await traffic(args.target, { connections: 10, rate: 100, duration: '2s' }));`,
	}.run(t)
	r := done.traffic(t, "result")
	assert.Positive(t, r.Lost, "%+v", r.Errors)
	assert.Equal(t, fmt.Sprint(r.Lost), fmt.Sprint(total(r.LostByHost)))
}
