package reply_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		data string
		host string
		ok   bool
	}{
		"a plain name":                  {"web-1", "web-1", true},
		"ends at a newline":             {"web-1\nweb-2", "web-1", true},
		"ends at a carriage return":     {"web-1\r\n", "web-1", true},
		"ends at a NUL":                 {"web-1\x00\x00\xff", "web-1", true},
		"spaces are printable":          {"web 1", "web 1", true},
		"other scripts":                 {"сервер-Ω", "сервер-Ω", true},
		"the longest":                   {strings.Repeat("x", 255), strings.Repeat("x", 255), true},
		"the longest with an end":       {strings.Repeat("x", 255) + "\n", strings.Repeat("x", 255), true},
		"one byte too long":             {strings.Repeat("x", 256), "", false},
		"empty":                         {"", "", false},
		"empty before the end":          {"\nweb-1", "", false},
		"a control character":           {"web\x1b[31m", "", false},
		"not UTF-8":                     {"web\xff", "", false},
		"a cut rune":                    {"web\xd0", "", false},
		"a replacement rune in earnest": {"web\uFFFD", "web\uFFFD", true},
		"a bidirectional override":      {"web\u202e1", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, ok := reply.Parse([]byte(row.data))
			assert.Equal(t, row.ok, ok)
			if row.ok {
				assert.Equal(t, row.host, string(host))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web-1", "web-1\n", "\x00", "\xff\xfe", strings.Repeat("é", 128)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name, ok := reply.Parse(data)
		if !ok {
			return
		}
		assert.True(t, bytes.HasPrefix(data, name))
		assert.True(t, utf8.Valid(name))
		assert.NotContains(t, string(name), "\n")
		assert.LessOrEqual(t, len(name), reply.MaxLength)
		assert.NotEmpty(t, name)
		again, ok := reply.Parse(name)
		assert.True(t, ok)
		assert.Equal(t, name, again)
	})
}
