package module

import "github.com/grafana/sobek"

// result is what a promise is resolved with. It becomes a JavaScript value on the VU's goroutine.
type result interface {
	value(i *instance) (sobek.Value, error)
}

// nothing is the result of what is only to be done.
type nothing struct{}

func (nothing) value(*instance) (sobek.Value, error) { return sobek.Undefined(), nil }

// async runs work on a goroutine of its own and settles the promise with what it returns. k6 waits for it.
func (i *instance) async(work func() (result, error)) *sobek.Promise {
	promise, resolve, reject := i.vu.Runtime().NewPromise()
	settle, release := i.vu.RegisterCallback(), i.delayEnd()
	go func() {
		r, err := encoded(work())
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
