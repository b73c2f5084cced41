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

// heldByPackets are how many connections the packet driver holds, one number after the other, to see whether what they cost grows as they do;
// and what they may cost, 0 for anything.
var heldByPackets = [...]struct {
	count     int
	seconds   float64 // to open them
	bytes     float64 // each, beside what the process takes for a few
	megabytes float64 // of the whole process
}{
	{count: 10_000},
	{count: 100_000},
	{count: 1_000_000, seconds: 10, bytes: 64},
	{count: 10_000_000, bytes: 64, megabytes: 400},
}

// mostGrowth is what a connection's processor time may grow to if there are ten times as many.
const mostGrowth = 1.25

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
	var before, last time.Duration
	for _, most := range &heldByPackets {
		bytes, cost, err := w.hold(ctx, most.count)
		if err != nil {
			return err
		}
		before, last = last, cost.Processor/time.Duration(most.count)
		name := fmt.Sprintf("over veth: %d held by packets, ", most.count)
		r.add(atMost(name+"s to open", cost.Opened.Seconds(), most.seconds))
		r.add(atMost(name+"bytes each", float64(bytes-few)/float64(most.count-fewHeld), most.bytes))
		r.add(atMost(name+"MB in all", float64(bytes)/1e6, most.megabytes))
		r.add(atMost(name+"µs of processor time each", float64(last.Nanoseconds())/1e3, 0))
	}
	r.add(atMost("over veth: processor time of each, ten times as many held", float64(last)/float64(before), mostGrowth))
	return nil
}

func atMost(name string, value, target float64) figure {
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
