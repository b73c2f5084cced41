package options_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestMeant(t *testing.T) {
	t.Parallel()
	known := []string{"connectTimeout", "connections", "pid", "rate", "tags"}
	for name, want := range map[string]string{
		"conections": "connections", "Connexionz": "", "connection": "connections", "rat": "rate", "ratee": "rate", "tag": "tags", "pdf": "", "?": "", "": "",
		"connecttimeout": "connectTimeout",
	} {
		assert.Equal(t, want, options.Meant(name, known), name)
	}
}
