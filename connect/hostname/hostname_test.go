package hostname_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
)

func TestASCII(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"example.com":           "example.com",
		"Web_1.Example.":        "Web_1.Example.",
		"xn--bcher-kva.example": "xn--bcher-kva.example",
		"xn--":                  "xn--",
		"10.0.0.1":              "10.0.0.1",
		"fe80::1%eth0":          "fe80::1%eth0",
		"fe80::1%wän0":          "fe80::1%wän0",
		"bücher.example":        "xn--bcher-kva.example",
		"BÜCHER.example":        "xn--bcher-kva.example",
		"bu\u0308cher.example":  "xn--bcher-kva.example",
		"ＬＯＣＡＬＨＯＳＴ":             "localhost",
		"１２７.０.０.１":             "127.0.0.1",
		"例え。テスト":                "xn--r8jz45g.xn--zckzah",
		"faß.de":                "xn--fa-hia.de",
		"web\u00ad-ü.example":   "xn--web--3ra.example",
	} {
		got, err := hostname.ASCII(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
}

func TestASCIISaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bü cher", "ü\x1b[31m", "ü_x", "ü/x", "\xff", "ü\u202e.example", "-ü.example", strings.Repeat("ü", 64) + ".example", strings.Repeat("ü.", 200)} {
		_, err := hostname.ASCII(name)
		require.Error(t, err, "%q", name)
		assert.ErrorContains(t, err, "want one that DNS can have")
		assert.NotContains(t, err.Error(), "\x1b")
		assert.NotContains(t, err.Error(), "\u202e")
		assert.True(t, utf8.ValidString(err.Error()))
		assert.Less(t, len(err.Error()), 1500)
	}
}
