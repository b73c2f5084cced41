//go:build linux

package main

import "encoding/json"

// A tabled load balancer has a table with a backend's number at each place, and shows it.
type tabled interface {
	places() ([]int, error)
}

func (d *dnat) places() ([]int, error) { return numbers(d.table(d.inUse)), nil } //nolint:unparam // others may have to read theirs

func numbers(table []*backend) []int {
	list := make([]int, len(table))
	for i, b := range table {
		list[i] = b.number
	}
	return list
}

// places are those of the load balancer in JSON, null if it has no table.
func (l *lab) places() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var table []int
	if t, ok := l.balancer.(tabled); ok {
		var err error
		if table, err = t.places(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(table)
}
