package module

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// What an argument may consist of at most. Options need little of it; flows have the most, in long texts.
const (
	maxDepth  = 100     // objects and lists inside of each other
	maxValues = 250_000 // with what is there several times counted as often
	maxWork   = 3 * maxValues
	maxBytes  = 1 << 20 // of an ArrayBuffer that is copied; options refuse larger ones
	maxCalls  = 1000    // of functions inside of each other, while getters and proxies are read; to leave n of them takes time n²
)

var errTooMuch = fmt.Errorf("of more than %d parts", maxValues)

// exported returns the Go value of an argument: nil if it is missing, bytes for an ArrayBuffer, and so on down into objects and lists.
// The time it takes grows with the number of different objects, not with the number of ways to them. What can't be read is an
// options.Unreadable, which says why: in place of the member of the argument that has it, so that an error can name the option. To be
// called on the VU's goroutine.
func (i *instance) exported(v sobek.Value) any {
	r := i.newReader()
	return r.tried(func() (any, error) { return r.value(v) })
}

// reader makes Go values of JavaScript's. It copies them, as the script may change its own while a call runs.
type reader struct {
	rt     *sobek.Runtime
	known  map[*sobek.Object]known
	path   []string        // to the value that is being read
	inside []*sobek.Object // that are being read, each in the one before
	values int             // so far, without what could not be read
	work   int             // likewise, with it
}

func (i *instance) newReader() *reader {
	return &reader{rt: i.vu.Runtime(), known: map[*sobek.Object]known{}}
}

// known is an object that was met.
type known struct {
	value any
	size  int // in values; 0 while it is being read
}

// tried returns what read does, or the reason why it can't: an error, or an exception of the script's, of a getter or a proxy.
func (r *reader) tried(read func() (any, error)) (v any) {
	var err error
	depth, inside, values := len(r.path), len(r.inside), r.values
	switch thrown, endless := r.try(func() { v, err = read() }); {
	case endless:
		err = errors.New("whose getter or proxy calls itself without end")
	case thrown != nil:
		err = fmt.Errorf("that throws %s", r.words(thrown))
	}
	if err == nil {
		return v
	}
	at := ""
	if len(r.path) > depth {
		at = " at " + quote.Middle(quote.Printable(strings.Join(r.path[depth:], "")), 60)
	}
	for _, unfinished := range r.inside[inside:] {
		delete(r.known, unfinished)
	}
	r.path, r.inside, r.values = r.path[:depth], r.inside[:inside], values+1
	return options.Unreadable{Reason: "a value " + err.Error() + at}
}

// try runs the script's code. A function of it that calls itself without end is stopped: each of its calls takes some of Go's stack, which
// would overflow and end k6. Try has put the runtime back in order when it panics.
func (r *reader) try(f func()) (thrown *sobek.Exception, endless bool) {
	r.rt.SetMaxCallStackSize(maxCalls)
	defer func() {
		r.rt.SetMaxCallStackSize(math.MaxInt32) // sobek's default
		if cause := recover(); cause != nil {
			if _, endless = cause.(*sobek.StackOverflowError); !endless {
				panic(cause)
			}
		}
	}()
	return r.rt.Try(f), false
}

// words are those of an exception, whose text may be a method of the script's.
func (r *reader) words(thrown *sobek.Exception) string {
	text := "something that is no text"
	_, _ = r.try(func() { text = thrown.Value().String() })
	return quote.Text(text, 80)
}

func (r *reader) value(v sobek.Value) (any, error) {
	r.values++
	if r.work++; r.values > maxValues || r.work > maxWork {
		return nil, errTooMuch
	}
	if v == nil {
		return nil, nil
	}
	object, ok := v.(*sobek.Object)
	if !ok {
		return primitive(v), nil
	}
	if k, met := r.known[object]; met {
		if k.size == 0 {
			return nil, errors.New("inside itself (circular)")
		}
		if r.values += k.size - 1; r.values > maxValues {
			return nil, errTooMuch
		}
		return k.value, nil
	}
	if len(r.path) > maxDepth {
		return nil, fmt.Errorf("with more than %d levels", maxDepth)
	}
	before := r.values - 1
	r.known[object] = known{}
	r.inside = append(r.inside, object)
	value, err := r.object(object)
	if err != nil {
		return nil, err
	}
	r.inside = r.inside[:len(r.inside)-1]
	r.known[object] = known{value, r.values - before}
	return value, nil
}

// primitive reads what is no object.
func primitive(v sobek.Value) any {
	if _, isSymbol := v.(*sobek.Symbol); isSymbol {
		return options.Unreadable{Reason: "a Symbol"}
	}
	if n, isBig := v.Export().(*big.Int); isBig {
		return options.Unreadable{Reason: "a BigInt, " + quote.Cut(n.String(), 40) + "n (Number(…) makes a number of it)"}
	}
	return v.Export()
}

// object reads what is more than a text, a number or the like.
func (r *reader) object(o *sobek.Object) (any, error) {
	class, kind := o.ClassName(), o.ExportType()
	switch {
	case kind == reflect.TypeFor[sobek.Proxy]():
		return r.proxy(o)
	case class == "Array":
		return r.list(o)
	case kind == reflect.TypeFor[sobek.ArrayBuffer]():
		return bytesOf(o), nil
	case kind == reflect.TypeFor[[]any]():
		return r.set(o)
	case kind == reflect.TypeFor[[][2]any]():
		return options.Unreadable{Reason: "a Map (Object.fromEntries makes an object of it)"}, nil
	case kind == reflect.TypeFor[*sobek.Promise]():
		return options.Unreadable{Reason: "a Promise (await it)"}, nil
	case class == "RegExp":
		return options.Pattern{Source: o.Get("source").String(), Flags: o.Get("flags").String()}, nil
	case isNumbers(kind):
		return numbersOf(o), nil
	case class == "String":
		return o.String(), nil
	case class == "Date" || isWord(kind):
		return o.Export(), nil
	}
	return r.members(o)
}

// isWord reports whether an object of this type stands for a value without parts, as new String('x') does, or is a function.
func isWord(kind reflect.Type) bool {
	switch kind.Kind() {
	case reflect.String, reflect.Bool, reflect.Int64, reflect.Float64, reflect.Func:
		return true
	}
	return false
}

func (r *reader) list(o *sobek.Object) (any, error) {
	length := o.Get("length").ToInteger()
	if length > maxValues-int64(r.values) {
		return nil, errTooMuch
	}
	list := make([]any, length)
	for i := range list {
		name := strconv.Itoa(i)
		v, err := r.member("["+name+"]", func() sobek.Value { return o.Get(name) })
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (r *reader) set(o *sobek.Object) (any, error) {
	list := []any{}
	var err error
	r.rt.ForOf(o, func(element sobek.Value) bool {
		var v any
		if v, err = r.member("["+strconv.Itoa(len(list))+"]", func() sobek.Value { return element }); err == nil {
			list = append(list, v)
		}
		return err == nil
	})
	return list, err
}

func (r *reader) members(o *sobek.Object) (any, error) {
	names := o.Keys()
	if len(names) > maxValues-r.values {
		return nil, errTooMuch
	}
	object := make(map[string]any, len(names))
	for _, name := range names {
		v, err := r.member("."+name, func() sobek.Value { return o.Get(name) })
		if err != nil {
			return nil, err
		}
		object[name] = v
	}
	return object, r.inherited(o, object)
}

// inherited adds what an object has from its prototypes, such as defaults by Object.create() and a class's getters, but for methods.
func (r *reader) inherited(o *sobek.Object, object map[string]any) error {
	levels, ancestor := 0, r.rt.NewObject().Prototype()
	for p := o.Prototype(); p != nil && p != ancestor; p = p.Prototype() {
		if levels++; levels > maxDepth {
			return fmt.Errorf("with more than %d prototypes", maxDepth)
		}
		names := p.GetOwnPropertyNames()
		if len(names) > maxValues-r.values {
			return errTooMuch
		}
		for _, name := range names {
			if _, own := object[name]; own || name == "__proto__" {
				continue
			}
			if err := r.inherit(o, name, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit adds a member of a prototype, unless it is a method, or has no value.
func (r *reader) inherit(o *sobek.Object, name string, object map[string]any) error {
	v, err := r.member("."+name, func() sobek.Value {
		if v := o.Get(name); !isFunction(v) {
			return v
		}
		return nil
	})
	if v != nil {
		object[name] = v
	}
	return err
}

func isFunction(v sobek.Value) bool {
	_, is := sobek.AssertFunction(v)
	return is
}

// member reads a part of an object. What is wrong with a part of the argument itself is told in its place.
func (r *reader) member(name string, get func() sobek.Value) (any, error) {
	read := func() (any, error) {
		r.path = append(r.path, name)
		v, err := r.value(get())
		if err == nil {
			r.path = r.path[:len(r.path)-1]
		}
		return v, err
	}
	if len(r.path) > 0 {
		return read()
	}
	r.path = append(r.path, "") // the option, which the error will name
	v := r.tried(func() (any, error) { return r.value(get()) })
	r.path = r.path[:0]
	return v, nil
}

// proxy reads what a proxy shows. A list is one that stands for a list.
func (r *reader) proxy(o *sobek.Object) (any, error) {
	const mostInEachOther = 1000
	target := o
	for range mostInEachOther {
		proxy, isProxy := target.Export().(sobek.Proxy)
		if !isProxy {
			break
		}
		if target = proxy.Target(); target == nil {
			return nil, errors.New("that is a revoked proxy")
		}
		if target.ExportType() != reflect.TypeFor[sobek.Proxy]() {
			break
		}
	}
	switch target.ClassName() {
	case "Array":
		return r.list(o)
	case "Function":
		return options.Unreadable{Reason: "a function"}, nil
	}
	return r.members(o)
}

func bytesOf(o *sobek.Object) []byte {
	buffer, _ := o.Export().(sobek.ArrayBuffer)
	return copyOfBytes(buffer.Bytes())
}

func copyOfBytes(data []byte) []byte {
	if len(data) > maxBytes {
		return data
	}
	return bytes.Clone(data)
}

// isNumbers reports whether a typed array has this type.
func isNumbers(kind reflect.Type) bool {
	if kind.Kind() != reflect.Slice {
		return false
	}
	switch kind.Elem().Kind() {
	case reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Uint32, reflect.Int64, reflect.Uint64, reflect.Float32, reflect.Float64:
		return kind.PkgPath() == ""
	}
	return false
}

func numbersOf(o *sobek.Object) any {
	v := o.Export()
	if data, ok := v.([]byte); ok {
		return copyOfBytes(data)
	}
	return v
}

// plain makes an ordinary JavaScript object of a value, one that can be changed, copied and printed as any other.
func (i *instance) plain(value any) (sobek.Value, error) {
	text, err := encode(value, milliseconds)
	if err != nil {
		return nil, err
	}
	return i.parsed(text)
}

// parsed makes JavaScript values of JSON.
func (i *instance) parsed(text []byte) (sobek.Value, error) {
	return i.parseJSON(sobek.Undefined(), i.vu.Runtime().ToValue(string(text)))
}
