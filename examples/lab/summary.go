//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// summary prints a table for each thing that was measured, with a line for each load balancer and a column for each change. Cells have a number for
// each IP version, and in brackets what is ideal. What is ideal and the same everywhere is a line.
func summary(out io.Writer, rows []told) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r told) bool { return r.What == verdictsRow })
	for _, what := range distinct(rows, func(r told) string { return r.What }) {
		of := slices.DeleteFunc(slices.Clone(rows), func(r told) bool { return r.What != what })
		if !slices.ContainsFunc(of, func(r told) bool { return r.Measured != r.Ideal || r.Measured != of[0].Measured }) {
			fmt.Fprintf(out, "\nEverywhere: %s: %s (%s).\n", what, of[0].Measured, of[0].Ideal)
			continue
		}
		changes := distinct(of, func(r told) string { return r.Change })
		fmt.Fprintf(out, "\n| %s | %s |\n|%s\n", what, strings.Join(changes, " | "), strings.Repeat("---|", len(changes)+1))
		for _, balancer := range distinct(of, func(r told) string { return r.Balancer }) {
			cells := make([]string, len(changes))
			for i, change := range changes {
				cells[i] = cell(of, balancer, change)
			}
			fmt.Fprintf(out, "| `%s` | %s |\n", balancer, strings.Join(cells, " | "))
		}
	}
}

func cell(rows []told, balancer, change string) string {
	var measured []string
	ideal := ""
	for _, r := range rows {
		if r.Balancer != balancer || r.Change != change {
			continue
		}
		text := r.Measured
		if !r.OK {
			text += " NOK"
		}
		measured = append(measured, text)
		if ideal = ""; r.Ideal != noIdeal {
			ideal = " (" + r.Ideal + ")"
		}
	}
	if len(measured) == 0 {
		return noIdeal
	}
	return strings.Join(measured, ", ") + ideal
}

// distinct are the values of a field, in the order in which they come.
func distinct(rows []told, field func(told) string) (values []string) {
	for _, r := range rows {
		if value := field(r); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}
