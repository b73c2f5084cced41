package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// show prints a value as it would stand in a script, cut to a readable length.
func show(v any) string {
	text := literal(v)
	const readable = 80
	if len(text) > readable {
		return text[:readable] + "…"
	}
	return text
}

// literal is JSON, and what JSON does not know.
func literal(v any) string {
	switch v := v.(type) {
	case float64:
		switch {
		case math.IsInf(v, 0):
			return strings.TrimPrefix(strings.ReplaceAll(fmt.Sprint(v), "Inf", "Infinity"), "+")
		case math.IsNaN(v):
			return "NaN"
		}
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = literal(v[i])
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, literal(name)+":"+literal(v[name]))
		}
		return "{" + strings.Join(items, ",") + "}"
	}
	text, err := json.Marshal(v)
	switch {
	case reflect.ValueOf(v).Kind() == reflect.Func:
		return "a function"
	case err != nil:
		return fmt.Sprint(v)
	}
	return string(text)
}
