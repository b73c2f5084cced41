package module

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/grafana/sobek"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/js/modules"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// vuOf is a VU that has nothing but a runtime.
type vuOf struct {
	modules.VU
	rt *sobek.Runtime
}

func (v vuOf) Runtime() *sobek.Runtime { return v.rt }

func newTestInstance(t testing.TB) *instance {
	t.Helper()
	rt := sobek.New()
	parse, ok := sobek.AssertFunction(rt.GlobalObject().Get("JSON").ToObject(rt).Get("parse"))
	require.True(t, ok)
	return &instance{vu: vuOf{rt: rt}, parseJSON: parse}
}

// counted counts how often it was turned into JSON.
type counted struct{ times *int }

func (c counted) MarshalJSON() ([]byte, error) {
	*c.times++
	return []byte(`[1,2,3]`), nil
}

// Slow work is done before the VU's goroutine is asked for the value.
func TestEncodedOffTheLoop(t *testing.T) {
	t.Parallel()
	i := newTestInstance(t)
	var data, list int
	for _, r := range []result{object{counted{&data}}, objectWithList{object{struct{ Data counted }{counted{&data}}}, "list", counted{&list}}} {
		data = 0
		done, err := encoded(r, nil)
		require.NoError(t, err)
		assert.Equal(t, 1, data)
		_, err = done.value(i)
		require.NoError(t, err)
		assert.Equal(t, 1, data, "once, and not by value")
	}
	assert.Equal(t, 1, list)
}

// A list that is parsed late is, to a script, a property as any other.
func TestListThatIsParsedLate(t *testing.T) {
	t.Parallel()
	const kind = `(typeof Object.getOwnPropertyDescriptor(r, 'list').get) + ' '`
	for name, row := range map[string]struct{ script, want string }{
		"not looked at":     {kind, "function "},
		"looked at":         {`r.list.length + ' ' + ` + kind, "3 undefined "},
		"the same":          {`r.list.push(4); String(r.list === r.list) + r.list.length`, "true4"},
		"JSON":              {`JSON.stringify(r)`, `{"a":5,"list":[1,2,3]}`},
		"spread":            {`JSON.stringify({...r, b: 6})`, `{"a":5,"list":[1,2,3],"b":6}`},
		"keys":              {`Object.keys(r).join() + ' ' + ` + kind, "a,list function "},
		"destructured":      {`const {list} = r; list.join()`, "1,2,3"},
		"in":                {`String('list' in r)`, "true"},
		"replaced":          {`r.list = 7; JSON.stringify(r) + ` + kind, `{"a":5,"list":7}undefined `},
		"deleted":           {`delete r.list; JSON.stringify(r)`, `{"a":5}`},
		"frozen":            {`Object.freeze(r); r.list === r.list && JSON.stringify(r)`, `{"a":5,"list":[1,2,3]}`},
		"frozen, replaced":  {`'use strict'; Object.freeze(r); try { r.list = 7; 'replaced' } catch (e) { e instanceof TypeError && 'TypeError' }`, "TypeError"},
		"replaced in heirs": {`const heir = Object.create(r); heir.list = 7; heir.list + ' ' + r.list.length`, "7 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newTestInstance(t)
			r, err := encoded(objectWithList{object{map[string]int{"a": 5}}, "list", []int{1, 2, 3}}, nil)
			require.NoError(t, err)
			v, err := r.value(i)
			require.NoError(t, err)
			require.NoError(t, i.vu.Runtime().Set("r", v))
			got, err := i.vu.Runtime().RunString(row.script)
			require.NoError(t, err)
			assert.Equal(t, row.want, got.String())
		})
	}
}

// A result of traffic() tells how many records it lacks, and keeps those that it has for later.
func TestTrafficResultWithoutRecords(t *testing.T) {
	t.Parallel()
	r := &connect.TrafficResult{Lost: 3, Lasting: 4, Omitted: 5, Records: []connect.TrafficRecord{{Started: time.Millisecond}, {}}}
	encodedResult, err := encoded(objectWithList{object{r}, "records", r.Records}, nil)
	require.NoError(t, err)
	split, ok := encodedResult.(jsonWithList)
	require.True(t, ok)
	var got map[string]any
	require.NoError(t, json.Unmarshal(split.jsonText, &got))
	assert.NotContains(t, got, "records")
	assert.EqualValues(t, 5, got["records_omitted"])
	assert.Contains(t, got, "samples")
	var records []map[string]any
	require.NoError(t, json.Unmarshal(split.list, &records))
	require.Len(t, records, 2)
	assert.InDelta(t, 1, records[0]["started"], 0)
}

// BenchmarkTrafficResult is the time for which a VU stands still when a traffic() with as many records as there may be resolves.
func BenchmarkTrafficResult(b *testing.B) {
	i := newTestInstance(b)
	r := &connect.TrafficResult{Records: make([]connect.TrafficRecord, connect.MaxTrafficRecords)}
	for k := range r.Records {
		at := time.Duration(k) * 1_234_567
		r.Records[k] = connect.TrafficRecord{Started: at, Connected: at + 1000, Answered: at + 2000, Ended: at + 123_456, Sent: 100, Received: 99, Host: "web-1"}
	}
	done, err := encoded(objectWithList{object{r}, "records", r.Records}, nil)
	require.NoError(b, err)
	for b.Loop() {
		_, err := done.value(i)
		require.NoError(b, err)
	}
}
