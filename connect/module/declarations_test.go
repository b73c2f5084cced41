package module_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// declarations are what index.d.ts declares, by name.
type declarations struct {
	interfaces map[string][]member
	aliases    map[string]string // types that are names for others
	functions  map[string]function
	exported   []string        // members of the default export
	bases      map[string]bool // interfaces whose members others have, which is where values show them
}

// member is one of an interface.
type member struct {
	name, kind, doc string // of a method, kind is what it returns
	optional        bool
}

// function is one that scripts call. Of several declarations with one name, it has the types of the first.
type function struct {
	options string // the interface of its options, "" if it has none
	result  string // of its promise, if it returns one
	doc     string
}

// parseDeclarations reads TypeScript's declarations as far as index.d.ts makes use of them.
func parseDeclarations(t *testing.T, text string) *declarations {
	t.Helper()
	d := &declarations{
		interfaces: map[string][]member{}, aliases: map[string]string{}, functions: map[string]function{}, bases: map[string]bool{},
	}
	head := regexp.MustCompile(`(?s)^(?:/\*\*.*?\*/\s*)*export (interface|type|function) (\w+)`)
	rest := text
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		doc := ""
		for strings.HasPrefix(rest, "/*") { // the last one is the declaration's, the first the file's
			doc, rest = cutComment(rest)
		}
		end := cutAt(rest, ';')
		if strings.HasPrefix(rest, "export interface") {
			end = cutAt(rest, '}')
		}
		require.Positive(t, end, "a declaration without end: %.80s", rest)
		declared := rest[:end]
		if m := head.FindStringSubmatch(declared); m != nil {
			d.add(t, m[1], m[2], declared[len(m[0]):], doc)
		} else if body, found := strings.CutPrefix(declared, "declare const mconnect:"); found {
			for _, m := range members(t, body) {
				require.Equal(t, "typeof "+m.name, m.kind)
				d.exported = append(d.exported, m.name)
			}
		} else {
			require.True(t, strings.HasPrefix(declared, "export default mconnect"), "unknown: %s", declared)
		}
		rest = rest[end+1:]
	}
	return d
}

// add takes a declaration without its name.
func (d *declarations) add(t *testing.T, kind, name, text, doc string) {
	t.Helper()
	switch kind {
	case "type":
		d.aliases[name] = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "="))
	case "interface":
		extends, body, found := strings.Cut(text, "{")
		require.True(t, found, name)
		d.interfaces[name] = d.inherited(t, strings.TrimSpace(extends), members(t, "{"+body+"}"))
		for _, m := range d.interfaces[name] {
			if strings.HasPrefix(m.kind, "{") { // an object without a name has its text for one
				d.interfaces[m.kind] = members(t, m.kind)
			}
		}
	case "function":
		if _, overload := d.functions[name]; overload {
			return
		}
		signature := regexp.MustCompile(`(?s)^\((.*)\): (.+)$`).FindStringSubmatch(text)
		require.NotNil(t, signature, "%s%s", name, text)
		f := function{doc: doc, result: awaited(signature[2])}
		if m := regexp.MustCompile(`options\??: (\w+)`).FindStringSubmatch(signature[1]); m != nil {
			f.options = m[1]
		}
		d.functions[name] = f
	}
}

// awaited is what a promise of a type resolves to, or the type itself.
func awaited(kind string) string {
	if inner, promise := strings.CutPrefix(kind, "Promise<"); promise {
		return strings.TrimSuffix(inner, ">")
	}
	return kind
}

// inherited has the members of other interfaces as well, but for those that it declares anew or leaves out.
func (d *declarations) inherited(t *testing.T, extends string, own []member) []member {
	t.Helper()
	if extends == "" {
		return own
	}
	base := `(?:Omit<(\w+), '(\w+)'>|(\w+))`
	require.Regexp(t, "^extends "+base+"(?:, "+base+")*$", extends)
	all := slices.Clone(own)
	for _, m := range regexp.MustCompile(base).FindAllStringSubmatch(strings.TrimPrefix(extends, "extends "), -1) {
		inherited, known := d.interfaces[m[1]+m[3]]
		require.True(t, known, "%s: declared later", extends)
		d.bases[m[1]+m[3]] = true
		for _, b := range inherited {
			anew := slices.ContainsFunc(own, func(o member) bool { return o.name == b.name })
			if !anew && b.name != m[2] {
				all = append(all, b)
			}
		}
	}
	return all
}

// members reads those of an interface or an object type, braces included.
func members(t *testing.T, text string) []member {
	t.Helper()
	form := regexp.MustCompile(`(?s)^(?:readonly )?(?:'([^']+)'|(\w+))(\?)?(?:\(\))?\s*:\s*(.+)$`)
	var all []member
	rest := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "{"), "}")
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		doc := ""
		for strings.HasPrefix(rest, "/*") {
			doc, rest = cutComment(rest)
		}
		end := cutAt(rest, ';')
		if end < 0 {
			end = len(rest) // the last one of an object type
		}
		m := form.FindStringSubmatch(strings.TrimSpace(rest[:end]))
		require.NotNil(t, m, "no member: %s", rest[:end])
		all = append(all, member{name: m[1] + m[2], kind: m[4], doc: doc, optional: m[3] != ""})
		rest = rest[min(end+1, len(rest)):]
	}
	return all
}

// cutComment takes a comment off the beginning, and returns it in one line.
func cutComment(text string) (doc, rest string) {
	doc, rest, _ = strings.Cut(strings.TrimPrefix(text, "/*"), "*/")
	words := strings.FieldsFunc(doc, func(r rune) bool { return r == ' ' || r == '\n' })
	words = slices.DeleteFunc(words, func(w string) bool { return w == "*" })
	return strings.Join(words, " "), strings.TrimSpace(rest)
}

// cutAt finds a character that is in no comment, text or bracket; -1 if there is none. A closing bracket is that of the first one open.
func cutAt(text string, at byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "/*"):
			i += strings.Index(text[i:], "*/") + 1
		case c == '\'':
			i += strings.IndexByte(text[i+1:], '\'') + 1
		case strings.IndexByte("{[(<", c) >= 0:
			depth++
		case strings.IndexByte("}])>", c) >= 0 && text[max(0, i-1):i+1] != "=>":
			if depth--; depth == 0 && c == at {
				return i
			}
		case c == at && depth == 0:
			return i
		}
	}
	return -1
}

// splitUnion returns the parts of a union type.
func splitUnion(kind string) []string {
	var parts []string
	rest := strings.TrimPrefix(strings.TrimSpace(kind), "|")
	for {
		end := cutAt(rest, '|')
		if end < 0 {
			return append(parts, strings.TrimSpace(rest))
		}
		parts, rest = append(parts, strings.TrimSpace(rest[:end])), rest[end+1:]
	}
}

// literals are the texts of a union of them.
func (d *declarations) literals(t *testing.T, alias string) []string {
	t.Helper()
	parts := splitUnion(d.aliases[alias])
	for i, part := range parts {
		require.True(t, strings.HasPrefix(part, "'"), "%s: %s", alias, part)
		parts[i] = strings.Trim(part, "'")
	}
	return parts
}

// names are those of some members.
func names(of []member) []string {
	list := make([]string, len(of))
	for i, m := range of {
		list[i] = m.name
	}
	return slices.Sorted(slices.Values(list))
}

// readDeclarations reads index.d.ts.
func readDeclarations(t *testing.T) *declarations {
	t.Helper()
	return parseDeclarations(t, readText(t, "index.d.ts"))
}

// readText reads a file of the repository.
func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	require.NoError(t, err)
	return string(text)
}

// checker holds values against the types that are declared, and notes which members it has seen.
type checker struct {
	*declarations
	seen map[string]bool // "Interface.member"
}

// check returns how a value differs from a type, nil if it does not. The value is one that JSON makes.
func (c *checker) check(path, kind string, value any) []string {
	parts := splitUnion(kind)
	if len(parts) == 1 {
		return c.checkOne(path, parts[0], value)
	}
	for _, part := range parts {
		if len(c.checkOne(path, part, value)) == 0 {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s is %v, and not %s", path, value, kind)}
}

func (c *checker) checkOne(path, kind string, value any) []string {
	if members, isInterface := c.interfaces[kind]; isInterface {
		return c.checkMembers(path, kind, members, value)
	}
	if parts := strings.Split(kind, " & "); len(parts) > 1 {
		return c.checkIntersection(path, parts, value)
	}
	if alias, isAlias := c.aliases[kind]; isAlias {
		return c.check(path, alias, value)
	}
	if element, isList := strings.CutSuffix(kind, "[]"); isList {
		return c.checkList(path, element, value)
	}
	if inner, isPartial := strings.CutPrefix(kind, "Partial<"); isPartial {
		return c.checkOne(path, strings.TrimSuffix(inner, ">"), value)
	}
	if m := regexp.MustCompile(`^Record<(\w+), (.+)>$`).FindStringSubmatch(kind); m != nil {
		return c.checkRecord(path, m[1], m[2], value)
	}
	if result, isFunction := strings.CutPrefix(kind, "(data: any) => "); isFunction { // which tests have called
		return c.check(path, result, value)
	}
	ok := false
	switch {
	case kind == "[number, number]":
		pair, _ := value.([]any)
		ok = len(pair) == 2
	case kind == "object":
		_, ok = value.(map[string]any)
	case kind == "string":
		_, ok = value.(string)
	case kind == "number":
		_, ok = value.(float64)
	case kind == "boolean":
		_, ok = value.(bool)
	case kind == "null", kind == "void": // which JSON has no other value for
		ok = value == nil
	case strings.HasPrefix(kind, "'"):
		ok = value == strings.Trim(kind, "'")
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %v, and not %s", path, value, kind)}
	}
	return nil
}

// checkIntersection holds a value against several interfaces at once.
func (c *checker) checkIntersection(path string, parts []string, value any) []string {
	var all []member
	for _, part := range parts {
		of, known := c.interfaces[part]
		if !known {
			return []string{fmt.Sprintf("%s: %s is no interface", path, part)}
		}
		all = append(all, of...)
	}
	return c.checkMembers(path, strings.Join(parts, " & "), all, value)
}

func (c *checker) checkList(path, element string, value any) (wrong []string) {
	list, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %v, and no list of %s", path, value, element)}
	}
	for i, v := range list {
		wrong = append(wrong, c.check(fmt.Sprintf("%s[%d]", path, i), element, v)...)
	}
	return wrong
}

func (c *checker) checkRecord(path, key, element string, value any) (wrong []string) {
	record, ok := value.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %v, and no record", path, value)}
	}
	for name, v := range record {
		wrong = append(wrong, c.check(path+"'s key", key, name)...)
		wrong = append(wrong, c.check(path+"."+name, element, v)...)
	}
	return wrong
}

func (c *checker) checkMembers(path, kind string, members []member, value any) (wrong []string) {
	object, ok := value.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %v, and no %s", path, value, kind)}
	}
	declared := map[string]bool{}
	for _, m := range members {
		declared[m.name] = true
		v, found := object[m.name]
		switch {
		case found:
			for part := range strings.SplitSeq(kind, " & ") {
				c.seen[part+"."+m.name] = true
			}
			wrong = append(wrong, c.check(path+"."+m.name, awaited(m.kind), v)...)
		case !m.optional:
			wrong = append(wrong, fmt.Sprintf("%s.%s is declared by %s, but the code has none", path, m.name, kind))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !declared[name] && kind != "Flows" { // which is opaque
			wrong = append(wrong, fmt.Sprintf("%s.%s is not declared by %s", path, name, kind))
		}
	}
	return wrong
}

// The reader finds what there is, and the checker finds what is wrong; otherwise the tests that use them would say nothing.
func TestDeclarationsAreRead(t *testing.T) {
	t.Parallel()
	d := parseDeclarations(t, `/** A file; with {braces}. */

/** One of 'two'. */
export type Kind =
  | 'a' | 'b';

export interface Base { one: number; /** Doc: of two; it's {odd}. */ two?: Kind; }

/** More. */
export interface More extends Omit<Base, 'one'> {
  /**
   * Several
   * lines.
   */
  'p(90)': number;
  readonly list: Base[];
  by: Partial<Record<Kind, string | null>>;
  close(): Promise<void>;
}

export interface Extra { by_end: { fin: number }; }

export interface Both extends Base, Extra {}

/** Does it. Metrics: none. */
export function go(target: string | (() => void), options?: More & { format?: 'x' }): Promise<More>;
export function go(target: string, options: Base): string;

declare const mconnect: {
  go: typeof go;
};
export default mconnect;
`)
	assert.Equal(t, []string{"go"}, d.exported)
	assert.Equal(t, map[string]function{"go": {options: "More", result: "More", doc: "Does it. Metrics: none."}}, d.functions)
	assert.Equal(t, []string{"a", "b"}, d.literals(t, "Kind"))
	assert.Equal(t, []member{
		{name: "p(90)", kind: "number", doc: "Several lines."},
		{name: "list", kind: "Base[]"},
		{name: "by", kind: "Partial<Record<Kind, string | null>>"},
		{name: "close", kind: "Promise<void>"},
		{name: "two", kind: "Kind", doc: "Doc: of two; it's {odd}.", optional: true},
	}, d.interfaces["More"])

	assert.Equal(t, []string{"by_end", "one", "two"}, names(d.interfaces["Both"]))
	assert.Equal(t, map[string]bool{"Base": true, "Extra": true}, d.bases)

	c := &checker{d, map[string]bool{}}
	both := object{"p(90)": 1.5, "list": []any{}, "by": object{}, "close": nil, "by_end": object{"fin": 1.0}}
	assert.Empty(t, c.check("r", "More & Extra", both))
	assert.True(t, c.seen["Extra.by_end"])
	assert.True(t, c.seen["{ fin: number }.fin"])
	delete(both, "by_end")
	assert.Equal(t, []string{"r.by_end is declared by More & Extra, but the code has none"}, c.check("r", "More & Extra", both))

	c = &checker{d, map[string]bool{}}
	good := object{"p(90)": 1.5, "list": []any{object{"one": 1.0}}, "by": object{"a": nil, "b": "x"}, "close": nil}
	assert.Empty(t, c.check("r", "More", good))
	assert.True(t, c.seen["Base.one"])
	assert.False(t, c.seen["Base.two"])
	for name, row := range map[string]struct {
		change object
		says   string
	}{
		"missing":   {object{"list": []any{object{}}}, "r.list[0].one is declared by Base, but the code has none"},
		"not named": {object{"more": 1.0}, "r.more is not declared by More"},
		"type":      {object{"p(90)": "1"}, "r.p(90) is 1, and not number"},
		"no list":   {object{"list": object{}}, "r.list is map[], and no list of Base"},
		"key":       {object{"by": object{"c": "x"}}, "r.by's key is c"},
		"element":   {object{"by": object{"a": 1.0}}, "r.by.a is 1, and not string | null"},
		"literal":   {object{"two": "c"}, "r.two is c, and not"},
	} {
		bad := maps.Clone(good)
		maps.Copy(bad, row.change)
		wrong := c.check("r", "More", bad)
		if assert.NotEmpty(t, wrong, name) {
			assert.Contains(t, wrong[0], row.says, name)
		}
	}
}
