// Package units keeps a number and its unit on one line.
package units

import "regexp"

// apart are a number and its unit with a space between them.
var apart = regexp.MustCompile(`(\d) (%|(?:[nµm]?s|min|h|d|[KMG]?B(?:/s)?)\b)`)

// Tie makes the space between each number and its unit one at which no line is broken: U+00A0.
func Tie(text string) string { return apart.ReplaceAllString(text, "${1}\u00a0${2}") }
