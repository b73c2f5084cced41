package sockets

import (
	"context"
	"fmt"
)

// Count counts the TCP sockets of the caller's network namespace, IPv4 and IPv6. Sockets that come and go meanwhile may be
// missed or counted in their old state. The error wraps fs.ErrNotExist if there is no such process, and fs.ErrPermission
// if its owner hides it.
func Count(ctx context.Context, q Query) (Table, error) {
	d := newDump(q)
	var p *process
	var err error
	if q.PID != 0 {
		if p, err = readProcess(q.PID); err != nil {
			return Table{}, fmt.Errorf("%s: %w", q, err)
		}
		d.owned, d.inodes = true, p.inodes
	}
	if err := d.run(ctx); err != nil {
		return Table{}, fmt.Errorf("%s: %w", q, err)
	}
	table := d.table()
	if q.Queue {
		table.AcceptQueue, table.Backlog = &d.waiting, &d.backlog
	}
	if q.PID == 0 && q.Port != 0 {
		p = listeners.process(ctx, d.listeners)
	}
	if p != nil {
		table.FDs, table.FDLimit = &p.fds, p.limit
	}
	return table, nil
}
