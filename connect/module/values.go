package module

import (
	"encoding/json"

	"github.com/grafana/sobek"
)

// exported returns the Go value of an argument: nil if it is missing, bytes for an ArrayBuffer, and so on down into
// objects and arrays.
func exported(v sobek.Value) any {
	if v == nil {
		return nil
	}
	return plainGo(v.Export())
}

func plainGo(v any) any {
	switch v := v.(type) {
	case sobek.ArrayBuffer:
		return v.Bytes()
	case map[string]any:
		for name, value := range v {
			v[name] = plainGo(value)
		}
	}
	return v
}

// plain makes an ordinary JavaScript object of a value, one that can be changed, copied and printed as any other.
func (i *instance) plain(value any) (sobek.Value, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return i.parseJSON(sobek.Undefined(), i.vu.Runtime().ToValue(string(text)))
}
