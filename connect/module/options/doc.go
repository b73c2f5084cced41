// Package options checks what a script asks for. It knows nothing of JavaScript: values are what Go makes of them (text,
// int64, float64, bool, []byte, []any, map[string]any), results are plain structs.
package options
