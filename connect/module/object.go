package module

import (
	"reflect"

	"github.com/grafana/sobek"
)

// object is a result that is data.
type object struct{ data any }

// value implements result.
func (o object) value(i *instance) (sobek.Value, error) { return i.plain(o.data) }

// objectWithList is a result that is data, and one of its fields by name: a list that may be long, and that few scripts look at.
type objectWithList struct {
	object
	name string
	list any
}

// encoded turns data into JSON, which takes long if there is much of it, and is not to be done on the VU's goroutine.
func encoded(r result, err error) (result, error) {
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case object:
		return encode(r.data, milliseconds)
	case objectWithList:
		return r.encode()
	}
	return r, nil
}

func (o objectWithList) encode() (result, error) {
	rest := encoder{unit: milliseconds, skip: o.name}
	if err := rest.value(reflect.ValueOf(o.data)); err != nil {
		return nil, err
	}
	list, err := encode(o.list, milliseconds)
	if err != nil {
		return nil, err
	}
	return jsonWithList{rest.out.Bytes(), o.name, list}, nil
}

// jsonText is a result in JSON.
type jsonText []byte

// value implements result.
func (t jsonText) value(i *instance) (sobek.Value, error) { return i.parsed(t) }

// jsonWithList is a result in JSON whose list is parsed when a script first looks at it.
type jsonWithList struct {
	jsonText
	name string
	list jsonText
}

// value implements result. Once it has been looked at, or replaced, the property is one as any other.
func (l jsonWithList) value(i *instance) (sobek.Value, error) {
	v, err := i.parsed(l.jsonText)
	if err != nil {
		return nil, err
	}
	rt := i.vu.Runtime()
	owner := v.ToObject(rt)
	text, list := l.list, sobek.Value(nil)
	get := func(sobek.FunctionCall) sobek.Value {
		if list == nil {
			if list, err = i.parsed(text); err != nil {
				panic(rt.NewGoError(err)) // how sobek lets Go code throw
			}
			text = nil
			_ = setData(owner, l.name, list) // a frozen object keeps this function, and its list
		}
		return list
	}
	set := func(call sobek.FunctionCall) sobek.Value {
		if err := setData(call.This.ToObject(rt), l.name, call.Argument(0)); err != nil {
			panic(err) // JavaScript's
		}
		return sobek.Undefined()
	}
	return owner, owner.DefineAccessorProperty(l.name, rt.ToValue(get), rt.ToValue(set), sobek.FLAG_TRUE, sobek.FLAG_TRUE)
}

func setData(owner *sobek.Object, name string, value sobek.Value) error {
	return owner.DefineDataProperty(name, value, sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_TRUE)
}
