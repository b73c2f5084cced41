package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// traffic is what the contenders in traffic are asked to do: send packets on all connections, each as soon as the last one has come back.
type traffic struct {
	Target      netip.AddrPort `json:"target"`
	Connections int            `json:"connections"`
	PacketSize  int            `json:"packet_size"`
	Seconds     float64        `json:"seconds"`
}

// echoed is what a contender in traffic answers.
type echoed struct {
	Received  int64   `json:"received"` // packets that came back
	Lost      int64   `json:"lost"`     // connections
	PerSecond float64 `json:"per_second"`
}

// atLeastTraffic is the engine's least share of the floor's packets. How much faster than a goroutine per connection that is depends on the
// machine: where client and server share two cores, the floor itself is 1.1 to 1.4 times as fast.
const atLeastTraffic = 0.95

// raceTraffic compares how many packets a second each contender exchanges with the same echo server.
func raceTraffic(ctx context.Context, s *settings, r *report) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	port := ports[1]
	server, err := startResponderOn(ctx, ports[0], s.server, "-echo", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer server.stop()
	task := traffic{Target: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Connections: 1000, PacketSize: 1024, Seconds: 2}
	contenders := []struct {
		name string
		run  func(context.Context, traffic) (echoed, error)
	}{
		{"floor", trafficByChild("traffic-floor")},
		{"net", trafficByChild("traffic-net")},
		{"engine", trafficByChild("traffic-engine")},
		{"k6", trafficByK6(s.k6)},
	}
	measured := rates{}
	for round := range s.rounds + 1 {
		for _, at := range order(round, len(contenders)) {
			time.Sleep(rest)
			who := contenders[at]
			e, err := bounded(ctx, task, who.run)
			if err == nil && e.Lost > 0 {
				err = fmt.Errorf("%d connections were lost", e.Lost)
			}
			if err != nil {
				return fmt.Errorf("traffic, %s, round %d: %w", who.name, round, err)
			}
			fmt.Fprintf(os.Stderr, "traffic, round %d of %d: %s %.0f packets/s\n", round, s.rounds, who.name, e.PerSecond)
			if round > 0 {
				measured[who.name] = append(measured[who.name], e.PerSecond)
			}
		}
	}
	for _, of := range []string{"engine", "k6"} {
		r.add(figure{
			Name:   fmt.Sprintf("packets/s over %d connections: %s / floor", task.Connections, of),
			Value:  spreadOf(perRound(measured[of], measured["floor"])),
			Target: atLeastTraffic,
		})
	}
	r.add(figure{Name: "packets/s: floor / net", Value: spreadOf(perRound(measured["floor"], measured["net"]))})
	r.add(figure{Name: "packets/s: engine / net", Value: spreadOf(perRound(measured["engine"], measured["net"]))})
	r.add(figure{Name: "packets/s: engine", Value: spreadOf(measured["engine"])})
	return nil
}

func trafficByChild(role string) func(context.Context, traffic) (echoed, error) {
	return func(ctx context.Context, task traffic) (e echoed, err error) {
		c, err := startChild(ctx, role, task)
		if err != nil {
			return e, err
		}
		if err := c.answer(&e); err != nil {
			return e, err
		}
		return e, c.end()
	}
}

// trafficRole makes traffic once and answers with what came back.
func trafficRole(contender func(context.Context, traffic) (echoed, error)) func(io.Reader, io.Writer) error {
	return func(in io.Reader, out io.Writer) error {
		var task traffic
		if err := json.NewDecoder(in).Decode(&task); err != nil {
			return fmt.Errorf("reading the task: %w", err)
		}
		e, err := contender(context.Background(), task)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(e)
	}
}

// trafficEngine is package connect as a Go program uses it.
func trafficEngine(ctx context.Context, task traffic) (echoed, error) {
	start := time.Now()
	r, err := connect.Traffic(ctx, connect.TrafficPlan{
		Plan: connect.Plan{
			Targets: []connect.Target{{Name: task.Target.String(), Addr: task.Target}}, Connections: int64(task.Connections), Reset: true,
		},
		Duration: task.duration(), PacketSizes: []int{task.PacketSize}, LossTimeout: patience,
	})
	if err != nil {
		return echoed{}, fmt.Errorf("traffic: %w", err)
	}
	return echoed{Received: r.Received, Lost: r.Lost, PerSecond: float64(r.Received) / time.Since(start).Seconds()}, nil
}

func (t *traffic) duration() time.Duration { return time.Duration(t.Seconds * float64(time.Second)) }

// trafficPerGoroutine is how ctraffic and its like do it: a goroutine for each connection, over package net.
func trafficPerGoroutine(ctx context.Context, task traffic) (echoed, error) {
	var (
		connections    sync.WaitGroup
		received, lost atomic.Int64
		start          = time.Now()
		end            = start.Add(task.duration())
		dialer         net.Dialer
	)
	for range task.Connections {
		conn, err := dialer.DialContext(ctx, "tcp", task.Target.String())
		if err != nil {
			return echoed{}, fmt.Errorf("dialing: %w", err)
		}
		connections.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // dialed as tcp
			n, err := exchange(conn, make([]byte, task.PacketSize), end)
			received.Add(n)
			if err != nil {
				lost.Add(1)
			}
		})
	}
	connections.Wait()
	return echoed{Received: received.Load(), Lost: lost.Load(), PerSecond: float64(received.Load()) / time.Since(start).Seconds()}, nil
}

// exchange sends packets and reads their echoes until the end. Like ctraffic it takes the time of each, and sets a deadline.
func exchange(conn net.Conn, packet []byte, end time.Time) (received int64, err error) {
	for {
		sent := time.Now()
		if sent.After(end) {
			return received, nil
		}
		if err := conn.SetDeadline(sent.Add(patience)); err != nil {
			return received, fmt.Errorf("setting the deadline: %w", err)
		}
		if _, err := conn.Write(packet); err != nil {
			return received, fmt.Errorf("sending: %w", err)
		}
		if _, err := io.ReadFull(conn, packet); err != nil {
			return received, fmt.Errorf("reading the echo: %w", err)
		}
		received++
	}
}

//go:embed traffic.js
var trafficScript []byte

// trafficByK6 makes the traffic in the k6 at that path.
func trafficByK6(path string) func(context.Context, traffic) (echoed, error) {
	return func(ctx context.Context, task traffic) (e echoed, err error) {
		_, err = runScript(ctx, []string{path}, trafficScript, task, &e)
		return e, err
	}
}
