package module

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/errext"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// anIteration stands in place of a call where it is the script itself that failed.
const anIteration = "iteration"

// watchScript makes the verdict ran fail if the script, which has called this module in the iteration, throws an exception of its own: k6 only
// logs that. To be called on the VU's goroutine.
func (i *instance) watchScript() {
	state := i.vu.State()
	if state == nil || inSetup(state) || !i.watching.CompareAndSwap(false, true) {
		return
	}
	i.told.Store(false)
	e, ctx, local := newEmitter(i, nil), i.vu.Context(), i.vu.Events().Local
	id, events := local.Subscribe(iterationEnd)
	go func() {
		// k6 does not wait at the end of an iteration that is interrupted, and warns of those that it does not wait for.
		if <-ctx.Done(); !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			if event, isOpen := <-events; isOpen {
				if err := thrownIn(event.Data); err != nil && !i.told.Load() {
					e.ran(anIteration, verdicts.Threw(err))
				}
				i.watching.Store(false)
				event.Done()
			}
		}
		local.Unsubscribe(id)
		for event := range events {
			event.Done()
		}
		i.watching.Store(false)
	}()
}

// thrownIn is the exception that has ended an iteration, nil if none has. The type of k6's event is internal to k6.
func thrownIn(data any) error {
	of := reflect.ValueOf(data)
	if of.Kind() != reflect.Struct || !of.FieldByName("Error").IsValid() {
		return nil
	}
	err, _ := reflect.TypeAssert[error](of.FieldByName("Error"))
	if _, aborted := errors.AsType[*errext.InterruptError](err); aborted {
		return nil
	}
	if _, interrupted := errors.AsType[*sobek.InterruptedError](err); interrupted || err == nil {
		return nil
	}
	words, _, _ := strings.Cut(err.Error(), "\n") // the rest is its stack, which k6 logs
	return errors.New(words)
}
