package module

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// judged emits the verdicts on a call, with the tags of what it was about, and tells of those that do not hold.
func (e *emitter) judged(call string, tags *metrics.TagSet, list []connect.Verdict) {
	at := e.root.stamps.next(time.Now())
	for i := range list {
		v := &list[i]
		of := tags.With("call", call).With("verdict", v.Name)
		failed := 0.0
		if !v.OK {
			failed = 1
			e.root.failures.add(e, fmt.Sprintf("%s failed in %s: %s", v.Name, where(call, tags), quote.Printable(quote.Middle(v.Text, maxVerdict))))
		}
		e.add(e.metrics.verdictFailed, of, at, failed)
		e.add(e.metrics.verdicts, of, at, 1)
	}
	e.push()
}

// maxVerdict is how many bytes of a verdict's text the log shows, maxTarget how many of what it is about.
const (
	maxVerdict = 2000
	maxTarget  = 200
)

// where names a call by its function, and by what the tags of its metrics tell of it: the target, and the protocol if that is not TCP.
func where(call string, tags *metrics.TagSet) string {
	if call == anIteration {
		return "an iteration"
	}
	text := call + "()"
	target, _ := tags.Get("target")
	if target == "" && (call == "ping" || call == "tcpPing") {
		target, _ = tags.Get("url")
	}
	if target != "" {
		text += " to " + quote.Printable(quote.Middle(target, maxTarget))
	}
	if proto, _ := tags.Get("proto"); proto != "" && proto != "tcp" {
		text += " over " + proto
	}
	return text
}

// failedToRun emits the verdict on a call that was rejected or threw, so that an exception is never green. In the init context there
// are no metrics, and k6 itself fails.
func (i *instance) failedToRun(call string, err error) {
	if i.vu.State() == nil {
		return
	}
	i.watchScript()
	i.told.Store(true)
	e := newEmitter(i, nil)
	e.ran(call, verdicts.Failed(call, err))
}

// ran emits the verdict on a call, or a script, that came to no end of its own, and enters it in the report.
func (e *emitter) ran(call string, v connect.Verdict) {
	list := []connect.Verdict{v}
	e.judged(call, e.base.Tags, list)
	e.root.ledger.Judged(recording.About{Call: call}, time.Now(), list)
}

// failedVerdicts are those of the whole process. k6's last lines say which threshold was crossed; these say why.
type failedVerdicts struct {
	mu      sync.Mutex
	lines   []string
	further int64
}

// maxFailedVerdicts bounds how many are told again at the end.
const maxFailedVerdicts = 10

// add keeps a verdict for the end, at which the emitter's log is told of all.
func (f *failedVerdicts) add(e *emitter, line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.lines) == 0 {
		logger := e.logger
		e.atExit(func() { f.tell(logger) })
	}
	if len(f.lines) == maxFailedVerdicts {
		f.further++
		return
	}
	f.lines = append(f.lines, line)
}

func (f *failedVerdicts) tell(logger logrus.FieldLogger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		logger.Error("mconnect: verdict " + line)
	}
	if f.further > 0 {
		logger.Errorf("mconnect: and %d more verdicts failed", f.further)
	}
}
