// Package module is the JavaScript module k6/x/mconnect: it turns options into plans of package connect, and what
// becomes of them into k6 metrics and JavaScript results.
package module

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/grafana/sobek"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/modules"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/changes"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// RootModule is what all VUs of a k6 process share.
type RootModule struct {
	engine   connect.Engine
	stamps   stamps
	hosts    hostLimit // of mconnect_replies
	peers    hostLimit // of the pings' tag "to"
	gauges   gauges
	notices  notices
	failures failedVerdicts
	changes  changes.Log

	changeTags hostLimit // of mconnect_changes

	worst     map[string]*worst // by gauge
	ledger    recording.Ledger
	logger    logrus.FieldLogger
	stdout    io.Writer               // for what k6 does not print
	writable  sync.Map                // names of files that summaries are to write, and can
	rehearsed sync.Map                // options of summaries whose files are written at the test's end
	plain     atomic.Pointer[emitter] // with a script's tags only; nil until the first call
	test      delay                   // of its end
	first     sync.Once               // for the first instance
	over      atomic.Bool             // the test has ended: what follows is handleSummary
}

// New returns the module that k6 registers.
func New() *RootModule {
	return &RootModule{stdout: os.Stdout, worst: newWorstOfGauges()}
}

// NewModuleInstance implements modules.Module.
func (r *RootModule) NewModuleInstance(vu modules.VU) modules.Instance {
	rt := vu.Runtime()
	parseJSON, _ := sobek.AssertFunction(rt.GlobalObject().Get("JSON").ToObject(rt).Get("parse"))
	i := &instance{vu: vu, root: r, metrics: registerMetrics(vu.InitEnv().Registry), parseJSON: parseJSON}
	i.exports = i.export()
	r.first.Do(func() {
		r.logger = vu.InitEnv().Logger
		r.log(r.logger)
		i.atTestEnd(func() { r.over.Store(true) })
	})
	return i
}

// log has the log tell, once for each interface, how the packet driver's frames travel: it explains their speed.
func (r *RootModule) log(to logrus.FieldLogger) {
	r.engine.Frames = func(nic, way string) {
		if r.notices.first("frames: " + nic + way) {
			to.Infof("mconnect: packets on interface %s go over %s", nic, way)
		}
	}
}

var (
	_ modules.Module   = &RootModule{}
	_ modules.Instance = &instance{}
)

// instance is one VU's module.
type instance struct {
	vu      modules.VU
	root    *RootModule
	metrics *mconnectMetrics

	exports   modules.Exports
	iteration delay // of its end
	parseJSON sobek.Callable

	watching atomic.Bool // for exceptions of the script's, in this iteration
	told     atomic.Bool // that a call did not run, which the script's exception may be about
}

// Exports implements modules.Instance.
func (i *instance) Exports() modules.Exports { return i.exports }

func (i *instance) export() modules.Exports {
	named := map[string]any{
		"flood":      i.flood,
		"hold":       i.hold,
		"idle":       i.idle,
		"capacity":   i.capacity,
		"traffic":    i.traffic,
		"disruption": i.disruption,
		"change":     i.change,
		"ping":       i.ping,
		"tcpPing":    i.tcpPing,
		"format":     i.format,
		"sockets":    i.sockets,
		"preflight":  i.preflight,
		"listen":     i.listen,
		"report":     i.report,
		"summary":    i.summary,
	}
	for name, f := range named {
		named[name] = i.vu.Runtime().ToValue(f) // so that the default export has the very same functions
	}
	return modules.Exports{Default: named, Named: named}
}

// rejected returns a promise of a call that is rejected with a TypeError.
func (i *instance) rejected(call string, err error) *sobek.Promise {
	i.failedToRun(call, err)
	promise, _, reject := i.vu.Runtime().NewPromise()
	_ = reject(i.typeError(err)) // fails only if the runtime is being interrupted
	return promise
}

// failure is an error that is not the script's.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// errorOf is what JavaScript gets for an error that a synchronous call throws: a TypeError if the script asked for something
// wrong, which is all that can go wrong there if nothing says otherwise.
func (i *instance) errorOf(err error) *sobek.Object {
	if _, ok := errors.AsType[failure](err); ok {
		return i.vu.Runtime().NewGoError(quote.Error(err))
	}
	return i.typeError(err)
}

// reasonOf is what a promise is rejected with for an error that came while the call ran, when its options had been checked: a
// TypeError if the plan was wrong for what the names resolved to, else an Error.
func (i *instance) reasonOf(err error) *sobek.Object {
	if _, ok := errors.AsType[*connect.PlanError](err); ok {
		return i.typeError(err)
	}
	return i.vu.Runtime().NewGoError(quote.Error(err))
}

// throw makes the call that JavaScript has made throw.
func (i *instance) throw(call string, err error) {
	i.failedToRun(call, err)
	panic(i.errorOf(err)) // how sobek lets Go code throw
}

func (i *instance) typeError(err error) *sobek.Object {
	return i.vu.Runtime().NewTypeError("%s", quote.Error(err).Error()) // whose text may have a % of the script's
}
