//go:build linux

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// A told row is one with where it comes from.
type told struct {
	Balancer string `json:"balancer"`
	Family   string `json:"family"`
	Scenario string `json:"scenario"`
	row
}

// A faultRow says what verdicts made of a fault.
type faultRow struct {
	Fault    string   `json:"fault"`
	Does     string   `json:"does"`
	Balancer string   `json:"balancer"`
	Verdicts verdicts `json:"verdicts"`
	OK       bool     `json:"ok"`
}

// An entry of the table is one of these. As JSON, one a line, it is what -json prints, and what the lab in a virtual machine tells the one outside.
type entry struct {
	Row   *told     `json:"row,omitempty"`
	Fault *faultRow `json:"fault,omitempty"`
	Note  string    `json:"note,omitempty"` // on what is not in the table
}

// table prints entries as they come, in Markdown or as JSON.
type table struct {
	out  io.Writer
	json bool

	mu       sync.Mutex
	head     string // of the table that is being printed
	rows     []told
	faults   int // rows of them
	failures int // rows that are NOK, those of faults too
}

func newTable(out io.Writer, json bool) *table { return &table{out: out, json: json} }

// print prints an entry.
func (t *table) print(e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Row != nil {
		t.rows = append(t.rows, *e.Row)
	}
	if e.Fault != nil {
		t.faults++
	}
	if e.Row != nil && !e.Row.OK || e.Fault != nil && !e.Fault.OK {
		t.failures++
	}
	switch {
	case t.json:
		_ = json.NewEncoder(t.out).Encode(e)
	case e.Row != nil:
		t.printRow(e.Row)
	case e.Fault != nil:
		t.printFault(e.Fault)
	default:
		fmt.Fprintf(t.out, "\n%s\n\n", e.Note)
		t.head = "" // a table ends at an empty line
	}
}

const (
	rowFormat   = "| %-15s | %-2s | %-12s | %-27s | %-31s | %8s | %6s | %-9s | %-3s |\n"
	faultFormat = "| %-14s | %-79s | %-15s | %-17s | %-46s | %-3s |\n"
)

// receive prints what a lab tells with -json, until it ends.
func (t *table) receive(from io.Reader) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = entry{Note: lines.Text()}
		}
		t.print(e)
	}
}

func (t *table) printRow(r *told) {
	t.begins(rowFormat, "|---|---|---|---|---|--:|--:|---|---|", "load balancer", "IP", "scenario", "change", "what", "measured", "ideal", "accepted", "")
	fmt.Fprintf(t.out, rowFormat, r.Balancer, r.Family, r.Scenario, r.Change, r.What, r.Measured, r.Ideal, r.Accepted, okOrNot(r.OK))
}

// printFault tells which verdicts a fault has failed, and which held in spite of it.
func (t *table) printFault(f *faultRow) {
	t.begins(faultFormat, "|---|---|---|---|---|---|", "fault", "what is broken", "load balancer", "red", "green", "")
	fmt.Fprintf(t.out, faultFormat, f.Fault, f.Does, f.Balancer, list(f.Verdicts.Red), list(f.Verdicts.Green), okOrNot(f.OK))
}

// verdictsRow is measured in all scenarios; noIdeal stands for a value that there is not.
const (
	verdictsRow = "verdicts that do not hold"
	noIdeal     = "–"
)

// sumUp prints a summary of the scenarios, if there is something to compare.
func (t *table) sumUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(distinct(t.rows, func(r told) string { return r.Balancer })) > 1 && !t.json {
		summary(t.out, t.inOrder())
		t.head = "summary"
	}
}

// inOrder returns the rows of each load balancer, and of each IP version, together: virtual machines that run side by side tell theirs in turn.
func (t *table) inOrder() []told {
	order := names(kinds)
	return slices.SortedStableFunc(slices.Values(t.rows), func(a, b told) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Balancer), slices.Index(order, b.Balancer)), cmp.Compare(a.Family, b.Family))
	})
}

// begins prints a table's head, unless it is the table that is being printed.
func (t *table) begins(format, line string, titles ...any) {
	if t.head == format {
		return
	}
	if t.head != "" {
		fmt.Fprintln(t.out)
	}
	t.head = format
	fmt.Fprintf(t.out, format, titles...)
	fmt.Fprintln(t.out, line)
}

func okOrNot(ok bool) string {
	if ok {
		return "ok"
	}
	return "NOK"
}
