package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// heldByPackets are how many connections the packet driver holds, one number after the other, to see whether what they cost grows as they do.
var heldByPackets = [...]int{10_000, 100_000, 1_000_000}

const (
	mostOpeningSeconds = 10 // for the last number
	mostPacketBytes    = 64 // of a connection
	mostGrowth         = 1.25
)

// heldCost is what a child tells of the connections that it holds.
type heldCost struct {
	Opened    time.Duration `json:"opened"`    // until the last one was established
	Processor time.Duration `json:"processor"` // that this took, the kernel's part included
}

// packetHolder opens connections by the packet driver and holds them, until its input ends.
func packetHolder(in io.Reader, out io.Writer) error {
	var f flood
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&f); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	plan, err := f.plan()
	if err != nil {
		return err
	}
	before, start := processorTime(), time.Now()
	held, err := new(connect.Engine).Hold(context.Background(), connect.HoldPlan{Plan: plan})
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	<-held.Settled()
	cost := heldCost{Opened: time.Since(start), Processor: processorTime() - before}
	if now := held.States().Established; now != int64(f.Connections) {
		return fmt.Errorf("%d of %d connections are held: %v", now, f.Connections, held.Close().First)
	}
	if err := json.NewEncoder(out).Encode(cost); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	_, _ = io.Copy(io.Discard, in)
	if r := held.Close(); r.EstablishedAtClose != int64(f.Connections) {
		return fmt.Errorf("%d of %d connections were left at the end: %v", r.EstablishedAtClose, f.Connections, r.First)
	}
	return nil
}

// weighPackets measures what connections cost that the packet driver holds, to a server that answers from packets.
func (w *wire) weighPackets(ctx context.Context, r *report) error {
	few, _, err := w.hold(ctx, fewHeld)
	if err != nil {
		return err
	}
	var perConnection [len(heldByPackets)]heldCost
	for i, count := range heldByPackets {
		bytes, cost, err := w.hold(ctx, count)
		if err != nil {
			return err
		}
		n := time.Duration(count)
		perConnection[i] = heldCost{Opened: cost.Opened / n, Processor: cost.Processor / n}
		name := fmt.Sprintf("over veth: %d held by packets, ", count)
		last := i == len(heldByPackets)-1
		r.add(atMost(name+"s to open", cost.Opened.Seconds(), mostOpeningSeconds, last))
		r.add(atMost(name+"bytes each", float64(bytes-few)/float64(count-fewHeld), mostPacketBytes, last))
		r.add(atMost(name+"µs of processor time each", float64(perConnection[i].Processor.Nanoseconds())/1e3, 0, false))
	}
	before, last := perConnection[len(perConnection)-2], perConnection[len(perConnection)-1]
	r.add(atMost("over veth: processor time of each, ten times as many held", float64(last.Processor)/float64(before.Processor), mostGrowth, true))
	return nil
}

func atMost(name string, value, target float64, wanted bool) figure {
	if !wanted {
		target = 0
	}
	return figure{Name: name, Value: spreadOf([]float64{value}), Target: target, AtMost: true}
}

// hold weighs a child that holds connections.
func (w *wire) hold(ctx context.Context, count int) (bytes int64, cost heldCost, err error) {
	f := flood{
		Network: "tcp", Connections: count, Concurrency: 4 * concurrency, Targets: []netip.AddrPort{netip.MustParseAddrPort(xdpServer.address())},
		Packets: true, Source: strangers,
	}
	c, err := startChild(ctx, "packet-holder", f, in(w.client)...)
	if err != nil {
		return 0, heldCost{}, err
	}
	if err := c.answer(&cost); err != nil {
		return 0, heldCost{}, fmt.Errorf("holding %d connections: %w", count, err)
	}
	bytes, err = residentBytes(c.cmd.Process.Pid)
	if err := errors.Join(err, c.end()); err != nil {
		return 0, heldCost{}, fmt.Errorf("holding %d connections: %w", count, err)
	}
	fmt.Fprintf(os.Stderr, "packets: %d held, opened in %.2f s, %d MB\n", count, cost.Opened.Seconds(), bytes>>20)
	return bytes, cost, nil
}
