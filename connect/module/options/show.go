package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// readable is how many bytes of a value an error shows.
const readable = 80

// show prints a value as it would stand in a script, cut to a readable length. What it costs does not grow with the value.
func show(v any) string {
	if u, ok := v.(Unreadable); ok {
		return u.Reason
	}
	var out strings.Builder
	literal(&out, v)
	return quote.Cut(out.String(), readable)
}

// literal writes JSON, and what JSON does not know, until there is more than can be shown.
func literal(out *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		out.WriteString(quote.Text(v, readable))
	case []byte:
		fmt.Fprintf(out, "an ArrayBuffer of %d bytes", len(v))
	case []any:
		out.WriteByte('[')
		for i := range v {
			if out.Len() > readable {
				return
			}
			comma(out, i)
			literal(out, v[i])
		}
		out.WriteByte(']')
	case map[string]any:
		out.WriteByte('{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if out.Len() > readable {
				return
			}
			comma(out, i)
			literal(out, name)
			out.WriteByte(':')
			literal(out, v[name])
		}
		out.WriteByte('}')
	case Unreadable:
		out.WriteString(v.Reason)
	case Pattern:
		out.WriteString(quote.Printable(quote.Cut(v.String(), readable)))
	default:
		out.WriteString(word(v))
	}
}

func comma(out *strings.Builder, at int) {
	if at > 0 {
		out.WriteByte(',')
	}
}

// word is a value that has no parts.
func word(v any) string {
	if f, ok := v.(float64); ok {
		switch {
		case math.IsInf(f, 0):
			return strings.TrimPrefix(strings.ReplaceAll(fmt.Sprint(f), "Inf", "Infinity"), "+")
		case math.IsNaN(f):
			return "NaN"
		}
	}
	switch of := reflect.ValueOf(v); of.Kind() {
	case reflect.Func:
		return "a function"
	case reflect.Slice:
		return fmt.Sprintf("a typed array of %d", of.Len())
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(fmt.Sprint(v))
	}
	return quote.Printable(quote.Cut(string(text), readable))
}
