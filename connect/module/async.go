package module

import (
	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// result is what a promise is resolved with. It becomes a JavaScript value on the VU's goroutine.
type result interface {
	value(i *instance) (sobek.Value, error)
}

// nothing is the result of what is only to be done.
type nothing struct{}

func (nothing) value(*instance) (sobek.Value, error) { return sobek.Undefined(), nil }

// async runs a call's work on a goroutine of its own and settles the promise with what it returns. k6 waits for it.
func (i *instance) async(call string, work func() (result, error)) *sobek.Promise {
	promise, resolve, reject := i.vu.Runtime().NewPromise()
	settle, release := i.vu.RegisterCallback(), i.delayEnd()
	i.watchScript()
	e := newEmitter(i, nil)
	go func() {
		r, err := encoded(work())
		if err != nil {
			i.told.Store(true)
			e.ran(call, verdicts.Failed(call, err))
		}
		release()
		settle(func() error {
			if err != nil {
				return reject(i.reasonOf(err))
			}
			v, err := r.value(i)
			if err != nil {
				return reject(i.reasonOf(err))
			}
			return resolve(v)
		})
	}()
	return promise
}
