package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

const legend = `floor: bare epoll loops; net: a goroutine per connection over package net; engine: package connect;
k6: the engine through k6 run, with all metrics

`

// print writes the machine, the rates for orientation, and the figures with their verdicts.
func (r *report) print(to io.Writer) error {
	fmt.Fprintf(to, "\n%v; %d rounds, concurrency %d\n", r.Machine, r.Rounds, concurrency)
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	if len(r.Floods) > 0 {
		fmt.Fprint(to, legend)
		r.printRates(w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(to)
	r.printFigures(w)
	return w.Flush()
}

func (r *report) printRates(w io.Writer) {
	fmt.Fprint(w, "connections per second\tof")
	for _, c := range r.order {
		fmt.Fprintf(w, "\t%s", c.name)
	}
	fmt.Fprintln(w)
	for _, row := range r.Floods {
		fmt.Fprintf(w, "%s\t%d", strings.ToUpper(row.Network), row.Connections)
		for _, c := range r.order {
			fmt.Fprintf(w, "\t%.0f", spreadOf(row.Rates[c.name]).Median)
		}
		fmt.Fprintln(w)
	}
}

func (r *report) printFigures(w io.Writer) {
	fmt.Fprintln(w, "\tmedian\tmin..max\ttarget")
	for _, f := range r.Figures {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Value.Median), f.between(), f.wanted(), f.verdict())
	}
}

// number prints ratios with two decimals, and bytes with none.
func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func (f *figure) between() string {
	if f.Value.Min == f.Value.Max {
		return ""
	}
	return number(f.Value.Min) + ".." + number(f.Value.Max)
}

func (f *figure) wanted() string {
	switch {
	case f.Target == 0:
		return ""
	case f.AtMost:
		return "<= " + number(f.Target)
	default:
		return ">= " + number(f.Target)
	}
}

func (f *figure) verdict() string {
	switch {
	case f.Target == 0:
		return ""
	case f.Met:
		return "met"
	default:
		return "missed"
	}
}
