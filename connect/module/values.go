package module

import (
	"encoding/json"
	"reflect"

	"github.com/grafana/sobek"
)

// exported returns the Go value of an argument: nil if it is missing, bytes for an ArrayBuffer, and so on down into
// objects and arrays.
func exported(v sobek.Value) any {
	if v == nil {
		return nil
	}
	return plainGo(v.Export(), map[uintptr]bool{})
}

// plainGo walks down a value that sobek has copied. Objects and arrays that it is inside of already, by address, would
// lead it around forever.
func plainGo(v any, inside map[uintptr]bool) any {
	switch v := v.(type) {
	case sobek.ArrayBuffer:
		return v.Bytes()
	case map[string]any:
		return within(reflect.ValueOf(v).Pointer(), inside, func() any {
			for name, value := range v {
				v[name] = plainGo(value, inside)
			}
			return v
		})
	case []any:
		if len(v) == 0 {
			return v
		}
		return within(reflect.ValueOf(v).Pointer(), inside, func() any {
			for i, value := range v {
				v[i] = plainGo(value, inside)
			}
			return v
		})
	}
	return v
}

func within(address uintptr, inside map[uintptr]bool, walk func() any) any {
	if inside[address] {
		return "(circular)"
	}
	inside[address] = true
	defer delete(inside, address)
	return walk()
}

// plain makes an ordinary JavaScript object of a value, one that can be changed, copied and printed as any other.
func (i *instance) plain(value any) (sobek.Value, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return i.parsed(text)
}

// parsed makes JavaScript values of JSON.
func (i *instance) parsed(text []byte) (sobek.Value, error) {
	return i.parseJSON(sobek.Undefined(), i.vu.Runtime().ToValue(string(text)))
}
