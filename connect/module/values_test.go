package module

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestExported(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		script string
		want   any
	}{
		"nothing":          {`undefined`, nil},
		"null":             {`null`, nil},
		"plain values":     {`({a: 1, b: 1.5, c: 'ü😀', d: true, e: null})`, map[string]any{"a": int64(1), "b": 1.5, "c": "ü😀", "d": true, "e": nil}},
		"boxed values":     {`[new String('a'), new Number(2), new Boolean(true)]`, []any{"a", int64(2), true}},
		"lists":            {`[1, [2, []], , 3]`, []any{int64(1), []any{int64(2), []any{}}, nil, int64(3)}},
		"a set":            {`new Set(['a:1', 'b:2'])`, []any{"a:1", "b:2"}},
		"bytes":            {`new Uint8Array([1, 2]).buffer`, []byte{1, 2}},
		"a part of bytes":  {`new Uint8Array([1, 2, 3]).subarray(1)`, []byte{2, 3}},
		"other numbers":    {`new Float32Array([1])`, []float32{1}},
		"a pattern":        {`/^\+(PONG)/i`, options.Pattern{Source: `^\+(PONG)`, Flags: "i"}},
		"a getter":         {`({get a() { return 1 }})`, map[string]any{"a": int64(1)}},
		"a class's object": {`new (class { constructor() { this.a = 1 } b() {} })`, map[string]any{"a": int64(1)}},
		"a class's getter": {`new (class { constructor() { this.a = 1 } get b() { return this.a + 1 } c() {} static d() {} })`, map[string]any{"a": int64(1), "b": int64(2)}},
		"defaults":         {`Object.assign(Object.create(Object.create({a: 1, b: 2, c() {}})), {b: 3})`, map[string]any{"a": int64(1), "b": int64(3)}},
		"no prototype":     {`Object.assign(Object.create(null), {a: 1})`, map[string]any{"a": int64(1)}},
		"a proxy":          {`new Proxy({a: 1}, {})`, map[string]any{"a": int64(1)}},
		"a list's proxy":   {`new Proxy(new Proxy([1, 2], {}), {})`, []any{int64(1), int64(2)}},
		"half a surrogate": {`'a\ud83d'`, "a\ufffd"},
		"the same twice":   {`const o = {a: 1}; [o, o]`, []any{map[string]any{"a": int64(1)}, map[string]any{"a": int64(1)}}},
		"a promise":        {`Promise.resolve(1)`, options.Unreadable{Reason: "a Promise (await it)"}},
		"a map":            {`new Map()`, options.Unreadable{Reason: "a Map (Object.fromEntries makes an object of it)"}},
		"after a failure":  {`const o = {a: 1}; const bad = {o, get b() { throw 1 }}; ({x: bad, y: o}).y`, map[string]any{"a": int64(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newTestInstance(t)
			v, err := i.vu.Runtime().RunString(row.script)
			require.NoError(t, err)
			assert.Equal(t, row.want, i.exported(v))
		})
	}
}

// A value that can't be read, or never ends, is reported for its option at once, and the other options are read.
func TestExportedTellsWhatIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ script, says string }{
		"shared references":            {`let o = {x: 'y'}; for (let i = 0; i < 40; i++) o = {a: o, b: o}; ({bad: o})`, "of more than 250000 parts"},
		"shared lists":                 {`let o = ['y']; for (let i = 0; i < 60; i++) o = [o, o]; ({bad: o})`, "of more than 250000 parts"},
		"a circle":                     {`const o = {}; o.bad = o; o`, "inside itself (circular)"},
		"a circle further down":        {`const o = {a: {b: [1]}}; o.a.b.push(o.a); ({bad: o})`, "inside itself (circular) at .a.b[1]"},
		"many levels":                  {`let o = {}; for (let i = 0; i < 1e5; i++) o = {a: o}; ({bad: o})`, "with more than 100 levels at .a.a"},
		"many levels of lists":         {`let o = []; for (let i = 0; i < 1e5; i++) o = [o]; ({bad: o})`, "with more than 100 levels at [0][0]"},
		"a long list":                  {`({bad: new Array(2 ** 32 - 1)})`, "of more than 250000 parts"},
		"many members":                 {`const o = {}; for (let i = 0; i < 3e5; i++) o['k' + i] = 1; ({bad: o})`, "of more than 250000 parts"},
		"many lists":                   {`const l = new Array(999).fill(0); ({bad: new Array(2000).fill(l)})`, "of more than 250000 parts"},
		"an endless set":               {`const s = new Set(); for (let i = 0; i < 3e5; i++) s.add(i); ({bad: s})`, "of more than 250000 parts"},
		"a getter that throws":         {`({bad: {a: [0, {get b() { throw new Error('boom') }}]}})`, `that throws "Error: boom" at .a[1].b`},
		"an option's own getter":       {`({get bad() { throw 'no' }})`, `that throws "no"`},
		"a getter that throws no text": {`({get bad() { throw {toString() { throw 1 }} }})`, "that throws "},
		"a getter without end":         {`({get bad() { return this.bad }})`, "calls itself without end"},
		"a getter deep down":           {`({bad: [{get b() { return this.b }}]})`, "calls itself without end at [0].b"},
		"a trap without end":           {`({bad: new Proxy({}, {ownKeys(t) { return Object.keys(new Proxy({}, this)) }})})`, "calls itself without end"},
		"words without end":            {`({get bad() { throw {toString() { return String(this) }} }})`, "something that is no text"},
		"a proxy that throws":          {`({bad: new Proxy({a: 1}, {ownKeys() { throw new TypeError('keys') }})})`, `that throws "TypeError: keys"`},
		"a proxy without end":          {`const h = {get: () => new Proxy({a: 1}, h)}; ({bad: new Proxy({a: 1}, h)})`, "with more than 100 levels"},
		"a proxy that lies":            {`({bad: new Proxy([], {get: (t, k) => k === 'length' ? 1e12 : 1})})`, "of more than 250000 parts"},
		"a default that throws":        {`({bad: Object.create({get a() { throw new Error('boom') }})})`, `that throws "Error: boom" at .a`},
		"prototypes without end":       {`const p = () => new Proxy({}, {getPrototypeOf: p}); ({bad: p()})`, "with more than 100 prototypes"},
		"a revoked proxy":              {`const r = Proxy.revocable({}, {}); r.revoke(); ({bad: r.proxy})`, "revoked"},
		"a proxy of a function":        {`({bad: new Proxy(() => 1, {})})`, "a function"},
		"long words":                   {`({get bad() { throw 'ü'.repeat(1e6) }})`, "that throws "},
		"a terminal's words":           {`({get bad() { throw '\x1b[2J' }})`, `\x1b[2J`},
		"long names":                   {`({bad: {['ü\x1b'.repeat(1e6)]: {get a() { throw 1 }}}})`, `…`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newTestInstance(t)
			i.vu.Runtime().SetMaxCallStackSize(1000)
			v, err := i.vu.Runtime().RunString(row.script)
			require.NoError(t, err)
			require.NoError(t, v.ToObject(i.vu.Runtime()).Set("good", []int{1}))
			object, ok := i.exported(v).(map[string]any)
			require.True(t, ok)
			bad, ok := object["bad"].(options.Unreadable)
			require.True(t, ok, "%T", object["bad"])
			assert.Contains(t, bad.Reason, row.says)
			assert.NotContains(t, bad.Reason, "\x1b")
			assert.Less(t, len(bad.Reason), 400)
			assert.Equal(t, []any{int64(1)}, object["good"])
			_, err = i.vu.Runtime().RunString(`1 + 1`)
			require.NoError(t, err, "the runtime goes on")
		})
	}
}

// An argument that is unreadable as a whole is told as such.
func TestExportedOfUnreadableArguments(t *testing.T) {
	t.Parallel()
	for script, says := range map[string]string{
		`new Proxy({a: 1}, {ownKeys() { throw 'keys' }})`:                               `a value that throws "keys"`,
		`new Array(2 ** 32 - 1)`:                                                        "of more than 250000 parts",
		`const r = Proxy.revocable({}, {}); r.revoke(); r.proxy`:                        "revoked",
		`const o = {}; for (let i = 0; i < 3e5; i++) o['k' + i] = 1; o`:                 "of more than 250000 parts",
		`const a = new Array(2e5).fill('x'); new Proxy(a, {get() { throw 'element' }})`: "element",
	} {
		i := newTestInstance(t)
		v, err := i.vu.Runtime().RunString(script)
		require.NoError(t, err)
		unreadable, ok := i.exported(v).(options.Unreadable)
		require.True(t, ok, script)
		assert.Contains(t, unreadable.Reason, says, script)
		_, err = options.ParseFlood("a:1", unreadable)
		assert.ErrorContains(t, err, "options: got a value ")
	}
}

// A payload that the script goes on to use is copied.
func TestExportedCopiesBytes(t *testing.T) {
	t.Parallel()
	i := newTestInstance(t)
	v, err := i.vu.Runtime().RunString(`const u = new Uint8Array([1, 2]); u`)
	require.NoError(t, err)
	got := i.exported(v)
	_, err = i.vu.Runtime().RunString(`u[0] = 9`)
	require.NoError(t, err)
	assert.Equal(t, []byte{1, 2}, got)
}

// What is shown to people of an error that a script gets is short and harmless.
func TestErrorsThatScriptsGet(t *testing.T) {
	t.Parallel()
	i := newTestInstance(t)
	for _, err := range []error{failure{hostileError()}, hostileError()} {
		for _, object := range []any{i.errorOf(err).String(), i.reasonOf(err).String()} {
			assert.Contains(t, object, `\x1b[2J`)
			assert.NotContains(t, object, "\x1b")
			assert.Less(t, len(object.(string)), 2200)
		}
	}
}

func hostileError() error { return &errHostile{} }

type errHostile struct{}

func (*errHostile) Error() string { return "peer said \x1b[2J " + strings.Repeat("ü", 1<<20) }
