package module

import (
	"fmt"
	"strings"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// change is change(text, options) of the JS API: it announces that the backends change now.
func (i *instance) change(text, opts sobek.Value) {
	if i.vu.State() == nil {
		i.throw("change", fmt.Errorf("change() %w", errInitContext))
	}
	o, err := options.ParseChange(i.exported(text), i.exported(opts))
	if err != nil {
		i.throw("change", err)
	}
	i.root.changes.Announce(o, time.Now())
	e := newEmitter(i, nil)
	e.changed()
	e.push()
}

// changed emits the changes that no call has emitted yet.
func (e *emitter) changed() {
	for _, a := range e.root.changes.News() {
		tags := e.base.Tags.With("change", e.root.changeTags.tag(a.Text))
		if len(a.Hosts) > 0 {
			tags = tags.With("hosts", e.root.changeTags.tag(strings.Join(a.Hosts, ",")))
		}
		e.add(e.metrics.changes, tags, e.root.stamps.next(a.At), 1)
	}
}
