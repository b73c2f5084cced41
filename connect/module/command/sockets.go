package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// lookAgain is how long is waited between two looks at a table that is not yet as expected.
const lookAgain = 200 * time.Millisecond

func countSockets(s *session, _ []string, object any) (*finished, error) {
	o, err := options.ParseSockets(object)
	if err != nil {
		return nil, err
	}
	way := sockets.Way{TLS: s.tlsConfig("")}
	f := &finished{}
	for until := time.Now().Add(o.Within); ; {
		table, err := socketTable(s.ctx, way, o)
		if err != nil {
			return nil, err
		}
		f.judged = s.judged(verdicts.SocketsOf(o.Remote, table.States(), o.Most, nil))
		if len(f.judged.Verdicts) > 0 || s.files.any() {
			f.enter = func() {
				s.ledger.Judged(recording.About{Call: "sockets", Targets: []string{}, Tags: o.Tags}, time.Now(), f.judged.Verdicts)
			}
		}
		f.text = socketLines(&table)
		if f.judged.OK || time.Now().After(until) {
			return f, nil
		}
		select {
		case <-time.After(lookAgain):
		case <-s.ctx.Done():
			return f, nil
		}
	}
}

func socketTable(ctx context.Context, way sockets.Way, o *options.Sockets) (sockets.Table, error) {
	if o.Remote != "" {
		return sockets.Fetch(ctx, way, o.Remote, o.Query)
	}
	return sockets.Count(ctx, o.Query)
}

// socketLines is a table for people: the states in the order of a connection's life.
func socketLines(t *sockets.Table) []string {
	states := t.States()
	var lines []string
	for _, name := range []string{
		"listen", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "close_wait", "closing", "last_ack", "time_wait", "close", "total",
	} {
		lines = append(lines, fmt.Sprintf("%-12s %d", name, states[name]))
	}
	if t.FDs != nil && t.FDLimit != nil {
		lines = append(lines, fmt.Sprintf("%-12s %d of %d", "descriptors", *t.FDs, *t.FDLimit))
	}
	return lines
}

func preflight(_ *session, _ []string, object any) (*finished, error) {
	need, err := options.ParsePreflight(object)
	if err != nil {
		return nil, err
	}
	f := &finished{judged: connect.Judged{OK: true}}
	checks := limits.Preflight(need)
	for i := range checks {
		c := &checks[i]
		f.judged.OK = f.judged.OK && c.OK
		v := connect.Verdict{Name: c.Name, OK: c.OK, Text: strings.TrimPrefix(c.String(), c.Name+": ")}
		f.judged.Verdicts = append(f.judged.Verdicts, v)
		f.text = append(f.text, marked(&v))
	}
	return f, nil
}
