package module_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// callsWithFlags are the functions that the command line has, too.
var callsWithFlags = []string{"flood", "hold", "traffic", "capacity", "idle", "ping", "tcpPing", "sockets", "preflight"}

// The help of the command line is index.d.ts's: of each option the first sentence, and its default. So both have the same options.
func TestHelpIsDeclared(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	for _, call := range callsWithFlags {
		declared := map[string]string{}
		d.describe(t, declared, "", d.interfaces[d.functions[call].options])
		for _, o := range options.Of(call) {
			name := strings.Join(o.Path, ".")
			doc, known := declared[name]
			if assert.True(t, known, "%s() has option %s, and index.d.ts has not", call, name) {
				assert.Equal(t, firstSentence(doc), o.Help, "help on %s.%s: first that of index.d.ts, then that of connect/module/options/help.go", call, name)
				assert.Equal(t, toldDefault(call, doc), o.Default, "default of %s.%s, likewise", call, name)
			}
			delete(declared, name)
		}
		assert.Empty(t, declared, "options of %s() in index.d.ts that the table of connect/module/options has not", call)
	}
}

// describe collects the descriptions of options, and of the members of those that are objects, by their paths.
func (d *declarations) describe(t *testing.T, all map[string]string, path string, of []member) {
	t.Helper()
	for _, m := range of {
		object, only := d.objectOf(t, m.kind)
		if !only {
			all[path+m.name] = m.doc
		}
		d.describe(t, all, path+m.name+".", object)
	}
}

// objectOf returns the members of a type, if it is an object or may be one, and whether it can be nothing else.
func (d *declarations) objectOf(t *testing.T, kind string) (of []member, only bool) {
	t.Helper()
	if m := regexp.MustCompile(`^Pick<(\w+), '(\w+)'>$`).FindStringSubmatch(kind); m != nil {
		for _, one := range d.interfaces[m[1]] {
			if one.name == m[2] {
				of = append(of, one)
			}
		}
		return of, true
	}
	if of, is := d.interfaces[kind]; is {
		return of, true
	}
	for _, part := range splitUnion(kind) {
		if strings.HasPrefix(part, "{") {
			of = members(t, part)
		}
	}
	return of, false
}

// firstSentence is that of a description, with the names that its links point to.
func firstSentence(doc string) string {
	text := regexp.MustCompile(`\{@link (?:\w+\.)?(\w+)\}`).ReplaceAllString(strings.TrimSpace(strings.TrimPrefix(doc, "*")), "$1")
	if end := regexp.MustCompile(`\.(?: [A-Z` + "`" + `]|$)`).FindStringIndex(text); end != nil {
		return text[:end[0]+1]
	}
	return text
}

func TestFirstSentence(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"* One. Two.":                                        "One.",
		"* A range (`'10.0.0.5-10.0.0.20'`).":                "A range (`'10.0.0.5-10.0.0.20'`).",
		"* As in {@link CallOptions.source}. Default: none.": "As in source.",
		"* Small, 0.5 at most. `false` leaves it out.":       "Small, 0.5 at most.",
	} {
		require.Equal(t, want, firstSentence(doc))
	}
}
