package command

import (
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

func countSockets(s *session, _ []string, object any) (*finished, error) {
	o, err := options.ParseSockets(object)
	if err != nil {
		return nil, err
	}
	f := &finished{}
	table, err := sockets.Watch(s.ctx, sockets.Way{TLS: s.tlsConfig("")}, o.Remote, o.Query, o.Within, func(t *sockets.Table) bool {
		f.judged = verdicts.SocketsOf(o.Remote, o.Query, t.States(), o.Most, nil)
		return f.judged.OK
	})
	if err != nil {
		return nil, err
	}
	f.judged = s.judged(f.judged)
	f.text = socketLines(&table)
	if len(f.judged.Verdicts) > 0 || s.files.any() {
		f.enter = func() {
			s.ledger.Judged(recording.About{Call: "sockets", Targets: o.Targets(), Tags: o.Tags}, time.Now(), f.judged.Verdicts)
		}
	}
	return f, nil
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
		name, text, _ := strings.Cut(c.String(), ": ") // which says memory in another unit than its name does
		v := connect.Verdict{Name: name, OK: c.OK, Text: text}
		f.judged.Verdicts = append(f.judged.Verdicts, v)
		f.text = append(f.text, marked(&v))
	}
	return f, nil
}
