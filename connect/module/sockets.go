package module

import (
	"fmt"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// sockets is sockets(options) of the JS API.
func (i *instance) sockets(opts sobek.Value) *sobek.Promise {
	state := i.vu.State()
	if state == nil {
		return i.rejected(fmt.Errorf("sockets() %w", errInitContext))
	}
	o, err := options.ParseSockets(i.exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	ctx, e := i.vu.Context(), newEmitter(i, o.Tags)
	way := sockets.Way{Dial: state.Dialer.DialContext, TLS: state.TLSConfig}
	return i.async(func() (result, error) {
		var table sockets.Table
		var err error
		if o.Remote != "" {
			table, err = sockets.Fetch(ctx, way, o.Remote, o.Query)
		} else {
			table, err = sockets.Count(ctx, o.Query)
		}
		if err != nil {
			return nil, failure{fmt.Errorf("sockets(): %w", err)}
		}
		e.table(o, table)
		return object{table}, nil
	})
}

// table emits a socket table, tagged with what it is the table of.
func (e *emitter) table(o *options.Sockets, t sockets.Table) {
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
	for state, n := range map[string]int64{
		"established": t.Established, "syn_sent": t.SynSent, "syn_recv": t.SynRecv, "fin_wait1": t.FinWait1, "fin_wait2": t.FinWait2,
		"time_wait": t.TimeWait, "close": t.Close, "close_wait": t.CloseWait, "last_ack": t.LastAck, "listen": t.Listen, "closing": t.Closing,
	} {
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
}
