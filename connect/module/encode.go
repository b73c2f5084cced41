package module

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Units of the durations in results. Scripts get milliseconds, as everywhere in k6; report() has mconnect's nanoseconds.
const (
	milliseconds = time.Millisecond
	nanoseconds  = time.Nanosecond
)

// encode turns a result into JSON by its fields' json tags, as encoding/json does, but with durations in a unit: fractions of
// milliseconds, or whole nanoseconds. So a shape is told once, where its type is.
func encode(v any, unit time.Duration) (jsonText, error) {
	e := encoder{unit: unit}
	if err := e.value(reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return e.out.Bytes(), nil
}

type encoder struct {
	out  bytes.Buffer
	unit time.Duration
	skip string // a field of the outermost struct that is left out
}

var (
	durationType  = reflect.TypeFor[time.Duration]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
)

func (e *encoder) value(v reflect.Value) error {
	if !v.IsValid() {
		e.out.WriteString("null")
		return nil
	}
	switch t := v.Type(); {
	case t == durationType:
		e.duration(time.Duration(v.Int()))
		return nil
	case t.Implements(marshalerType) || t.Implements(textType):
		return e.marshal(v)
	}
	switch v.Kind() {
	case reflect.Struct:
		return e.structure(v)
	case reflect.Pointer, reflect.Interface:
		return e.value(v.Elem())
	case reflect.Map:
		return e.mapping(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return e.list(v)
		}
	case reflect.Array:
		return e.list(v)
	default: // has no parts
	}
	return e.marshal(v)
}

// marshal leaves a value without durations to encoding/json.
func (e *encoder) marshal(v reflect.Value) error {
	text, err := json.Marshal(v.Interface())
	e.out.Write(text)
	return err
}

func (e *encoder) duration(d time.Duration) {
	if e.unit == nanoseconds {
		e.out.WriteString(strconv.FormatInt(int64(d), 10))
		return
	}
	e.out.WriteString(strconv.FormatFloat(float64(d)/float64(e.unit), 'f', -1, 64))
}

func (e *encoder) list(v reflect.Value) error {
	e.out.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			e.out.WriteByte(',')
		}
		if err := e.value(v.Index(i)); err != nil {
			return err
		}
	}
	e.out.WriteByte(']')
	return nil
}

// mapping writes a map in the order of its keys, which are names, or values that have a text.
func (e *encoder) mapping(v reflect.Value) error {
	type entry struct {
		name  string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for all := v.MapRange(); all.Next(); {
		name, err := nameOf(all.Key())
		if err != nil {
			return err
		}
		entries = append(entries, entry{name, all.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	e.out.WriteByte('{')
	for i, of := range entries {
		e.name(of.name, i > 0)
		if err := e.value(of.value); err != nil {
			return err
		}
	}
	e.out.WriteByte('}')
	return nil
}

func nameOf(key reflect.Value) (string, error) {
	if text, ok := reflect.TypeAssert[encoding.TextMarshaler](key); ok {
		name, err := text.MarshalText()
		return string(name), err
	}
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	return "", fmt.Errorf("a map with keys of type %s; want names", key.Type())
}

func (e *encoder) name(name string, further bool) {
	if further {
		e.out.WriteByte(',')
	}
	text, _ := json.Marshal(name) // of a string it does not fail
	e.out.Write(text)
	e.out.WriteByte(':')
}

func (e *encoder) structure(v reflect.Value) error {
	skip := e.skip
	e.skip = ""
	e.out.WriteByte('{')
	further := false
	for _, f := range fieldsOf(v.Type()) {
		value, ok := f.of(v)
		if !ok || f.name == skip {
			continue
		}
		e.name(f.name, further)
		further = true
		if err := e.value(value); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	e.out.WriteByte('}')
	return nil
}

// field is one that a struct has in JSON.
type field struct {
	name      string
	index     []int
	omitEmpty bool
}

// of returns the field's value, if it is to be written.
func (f *field) of(v reflect.Value) (value reflect.Value, ok bool) {
	value, err := v.FieldByIndexErr(f.index)
	if err != nil {
		return value, false // of an embedded struct that is nil
	}
	return value, !f.omitEmpty || !isEmpty(value)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

var knownFields sync.Map // of a type

// fieldsOf returns the fields of a type and of the structs that it embeds; a field hides those of its name that lie deeper.
func fieldsOf(t reflect.Type) []field {
	if known, ok := knownFields.Load(t); ok {
		return known.([]field) //nolint:forcetypeassert // nothing else is stored
	}
	var fields []field
	seen := map[string]bool{}
	for depth := 1; depth <= 3; depth++ {
		for _, f := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if len(f.Index) != depth || !f.IsExported() || f.Anonymous && name == "" || name == "-" {
				continue
			}
			if name == "" {
				name = f.Name
			}
			if seen[name] {
				continue
			}
			seen[name] = true
			fields = append(fields, field{name, f.Index, options == "omitempty"})
		}
	}
	knownFields.Store(t, fields)
	return fields
}
