package recording

import (
	"reflect"
	"slices"
)

// Same reports whether two recordings are of the same run: they tell when it began, and differ in nothing.
func Same(a, b *Report) bool {
	return !a.StartTime.IsZero() && a.StartTime.Equal(b.StartTime) && reflect.DeepEqual(a, b)
}

// Share returns a call that two recordings have in common: one of the same kind, to the same targets, that began at the same instant. So has a
// sum with what was added up.
func Share(a, b *Report) (call *Call, ok bool) {
	for _, c := range a.ByCall {
		same := func(d *Call) bool {
			return c.StartTime.Equal(d.StartTime) && c.Call == d.Call && slices.Equal(c.Targets, d.Targets)
		}
		if !c.StartTime.IsZero() && slices.ContainsFunc(b.ByCall, same) {
			return c, true
		}
	}
	return nil, false
}
