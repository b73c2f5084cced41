package module_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sectionOf is README.md's text on a call.
func sectionOf(t *testing.T, name string) string {
	t.Helper()
	for _, begin := range []string{"\n## " + name + "(", "\n- `" + name + "("} {
		if _, section, found := strings.Cut(readText(t, "README.md"), begin); found {
			if end := regexp.MustCompile("\n## |\n- `").FindStringIndex(section); end != nil {
				section = section[:end[0]]
			}
			return section
		}
	}
	require.Fail(t, "README.md has no section on "+name)
	return ""
}

// table returns the rows below a header that begins so, cell by cell.
func table(text, header string) (rows [][]string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case cells[0] == header:
			inside = true
		case inside && !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	return rows
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
