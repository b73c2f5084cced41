//go:build linux

package main

import (
	"fmt"
	"io"
	"sync"
)

// A row says what a change did.
type row struct {
	Change   string `json:"change"`
	What     string `json:"what"` // is measured
	Measured string `json:"measured"`
	Ideal    string `json:"ideal"`
	Accepted string `json:"accepted"`
	OK       bool   `json:"ok"`
}

// table prints rows as they come, in Markdown.
type table struct {
	out io.Writer

	mu               sync.Mutex
	headed           bool
	balancer, family string
	scenario         string
}

func newTable(out io.Writer) *table { return &table{out: out} }

// begin says where the next rows come from.
func (t *table) begin(balancer, family, scenario string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.balancer, t.family, t.scenario = balancer, family, scenario
}

const rowFormat = "| %-15s | %-2s | %-12s | %-26s | %-31s | %8s | %6s | %-9s | %-3s |\n"

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.headed {
		t.headed = true
		fmt.Fprintf(t.out, rowFormat, "load balancer", "IP", "scenario", "change", "what", "measured", "ideal", "accepted", "")
		fmt.Fprintln(t.out, "|---|---|---|---|---|--:|--:|---|---|")
	}
	verdict := "ok"
	if !r.OK {
		verdict = "NOK"
	}
	fmt.Fprintf(t.out, rowFormat, t.balancer, t.family, t.scenario, r.Change, r.What, r.Measured, r.Ideal, r.Accepted, verdict)
}

// note says something about what is not in the table.
func (t *table) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "\n%s\n\n", text)
	t.headed = false // a table ends at an empty line
}
