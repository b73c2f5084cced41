package module

import (
	"fmt"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// sockets is sockets(options) of the JS API.
func (i *instance) sockets(opts sobek.Value) *sobek.Promise {
	if err := i.misplaced("sockets"); err != nil {
		return i.rejected("sockets", err)
	}
	state := i.vu.State()
	o, err := options.ParseSockets(i.exported(opts))
	if err != nil {
		return i.rejected("sockets", err)
	}
	ctx, e := i.vu.Context(), newEmitter(i, o.Tags)
	way := sockets.Way{Dial: state.Dialer.DialContext, TLS: state.TLSConfig}
	return i.async("sockets", func() (result, error) {
		var judged connect.Judged
		table, err := sockets.Watch(ctx, way, o.Remote, o.Query, o.Within, func(t *sockets.Table) bool {
			judged = verdicts.SocketsOf(o.Remote, o.Query, t.States(), o.Most, nil)
			return judged.OK
		})
		if err != nil {
			return nil, failure{fmt.Errorf("sockets(): %w", err)}
		}
		tags := e.table(o, table)
		e.judged("sockets", tags, judged.Verdicts)
		if len(judged.Verdicts) > 0 {
			e.root.ledger.Judged(recording.About{Call: "sockets", Targets: o.Targets(), Tags: o.Tags}, time.Now(), judged.Verdicts)
		}
		return object{struct {
			sockets.Table
			connect.Judged
		}{table, judged}}, nil
	})
}

// table emits a socket table, tagged with what it is the table of, and returns these tags.
func (e *emitter) table(o *options.Sockets, t sockets.Table) *metrics.TagSet {
	tags := e.base.Tags
	for name, values := range o.Query.Values() {
		if name != "queue" {
			tags = tags.With(name, values[0])
		}
	}
	if o.Remote != "" {
		tags = tags.With("remote", o.Remote)
	}
	at := e.root.stamps.next(time.Now())
	for state, n := range t.States() {
		if state == "total" {
			continue
		}
		e.add(e.metrics.sockets, tags.With("state", state), at, float64(n))
	}
	for _, gauge := range []struct {
		metric *metrics.Metric
		value  *int64
	}{{e.metrics.fds, t.FDs}, {e.metrics.fdLimit, t.FDLimit}} {
		if gauge.value != nil {
			e.add(gauge.metric, tags, at, float64(*gauge.value))
		}
	}
	e.push()
	return tags
}
