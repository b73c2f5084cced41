package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// maxText is how many bytes of a verdict or an explanation are kept.
const maxText = 2000

// readCalls reads the list by_call. Its shape is that of Call; what is in it is made safe afterwards, wherever it stands.
func readCalls(text []byte) ([]*Call, error) {
	if len(text) == 0 {
		return nil, nil
	}
	if n := bytes.Count(text, []byte("[")); n > maxObjects {
		return nil, fmt.Errorf("by_call: more than %d lists in it; want a smaller recording", maxObjects)
	}
	var list bounded[*Call]
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("by_call: %w", err)
	}
	r := &Report{}
	for _, c := range list {
		if c == nil {
			continue
		}
		if err := harmless(reflect.ValueOf(c)); err != nil {
			return nil, fmt.Errorf("by_call: %w", err)
		}
		c.normalize()
		r.enter(c)
	}
	return r.ByCall, nil
}

// normalize makes consistent what else relies on.
func (c *Call) normalize() {
	for _, d := range []interface{ Valid() }{&c.ConnectTime, &c.ReplyTime, &c.RTT} {
		d.Valid()
	}
	for name, d := range c.ByHost {
		d.Valid()
		c.ByHost[name] = d
	}
	if c.Phases != nil {
		c.Phases.normalize()
	}
	hosts := connect.Hosts{}
	for name, n := range c.Hosts {
		hosts.Add(name, n)
	}
	c.Hosts = hosts
	c.Calls = max(c.Calls, 1)
	if c.Packets != nil && *c.Packets == (Packets{}) {
		c.Packets = nil
	}
}

var timeType = reflect.TypeFor[time.Time]()

// harmless refuses numbers that make no sense, and makes texts such that they can be shown.
func harmless(v reflect.Value) error {
	if v.Type() == timeType {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return harmless(v.Elem())
	case reflect.Struct:
		return harmlessStruct(v)
	case reflect.Slice, reflect.Array:
		return harmlessList(v)
	case reflect.Map:
		return harmlessMap(v)
	case reflect.String:
		if v.CanSet() {
			v.SetString(cut(v.String(), maxText))
		}
	case reflect.Int64, reflect.Int, reflect.Int32:
		return harmlessCount(v)
	case reflect.Float64:
		if f := v.Float(); f < 0 || f > maxFigure {
			return fmt.Errorf("got %v; want a number from 0 to %g", f, float64(maxFigure))
		}
	default: // can't be out of bounds
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

func harmlessCount(v reflect.Value) error {
	if n := v.Int(); n > maxCount || n < -maxCount || n < 0 && v.Type() != durationType {
		return fmt.Errorf("got %d; want a number from 0 to %d", n, int64(maxCount))
	}
	return nil
}

func harmlessStruct(v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if err := harmless(v.Field(i)); err != nil {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func harmlessList(v reflect.Value) error {
	if v.Len() > maxElements {
		return fmt.Errorf("a list of %d elements; want at most %d", v.Len(), maxElements)
	}
	for i := range v.Len() {
		if err := harmless(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// harmlessMap makes the keys harmless, too.
func harmlessMap(v reflect.Value) error {
	if v.Len() > maxElements {
		return fmt.Errorf("an object of %d members; want at most %d", v.Len(), maxElements)
	}
	for _, key := range v.MapKeys() {
		element := reflect.New(v.Type().Elem()).Elem()
		element.Set(v.MapIndex(key))
		if err := harmless(element); err != nil {
			return err
		}
		v.SetMapIndex(key, reflect.Value{})
		if key.Kind() == reflect.String {
			safe := reflect.New(key.Type()).Elem()
			safe.SetString(name(key.String()))
			key = safe
		}
		v.SetMapIndex(key, element)
	}
	return nil
}
