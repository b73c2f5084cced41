package module

import (
	"fmt"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
)

// report is report(options) of the JS API: all calls of this process that have ended, in mconnect's own format or in pictures.
func (i *instance) report(opts sobek.Value) sobek.Value {
	o, err := options.ParseReport(i.exported(opts))
	if err != nil {
		i.throw("report", err)
	}
	value, err := i.reportAs(o)
	if err != nil {
		i.throw("report", failure{fmt.Errorf("report(): %w", err)})
	}
	return value
}

func (i *instance) reportAs(o *options.Report) (sobek.Value, error) {
	all := i.root.ledger.Report(i.root.engine.Total.States())
	if o.Format == options.FormatObject {
		text, err := encode(all, nanoseconds)
		if err != nil {
			return nil, err
		}
		return i.parsed(text)
	}
	page := picture.Draw(all, o.Title)
	if o.Format == options.FormatSVG {
		return i.plain(page.SVGs())
	}
	text, err := page.HTML()
	return i.vu.Runtime().ToValue(text), err
}
