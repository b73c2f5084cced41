package module_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sectionOf is docs/reference/calls.md's text on a call.
func sectionOf(t *testing.T, name string) string {
	t.Helper()
	for _, begin := range []string{"\n## " + name + "(", "\n- `" + name + "("} {
		if _, section, found := strings.Cut(readText(t, "docs/reference/calls.md"), begin); found {
			if end := regexp.MustCompile("\n## |\n- `").FindStringIndex(section); end != nil {
				section = section[:end[0]]
			}
			return section
		}
	}
	require.Fail(t, "docs/reference/calls.md has no section on "+name)
	return ""
}

// quotedWords are the names between backticks.
func quotedWords(text string) []string {
	found := regexp.MustCompile("`(\\w+…?)`").FindAllStringSubmatch(text, -1)
	words := make([]string, len(found))
	for i, m := range found {
		words[i] = m[1]
	}
	return words
}
