package command_test

import (
	"strings"
	"testing"

	"github.com/grafana/sobek/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A script makes the same call: with the options in JavaScript's words, and thresholds on the verdicts.
func TestScript(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		says string
	}{
		"target":       {[]string{"flood", "web:5001"}, "await flood('web:5001');"},
		"targets":      {[]string{"flood", "a:1", "b:2"}, "await flood(['a:1', 'b:2']);"},
		"options":      {[]string{"flood", "web:5001", "--connections", "100", "--connect-timeout", "2s"}, "await flood('web:5001', {\n    connectTimeout: '2s',\n    connections: 100,\n  });"},
		"expectations": {[]string{"flood", "web:5001", "--expect-hosts", "web-1,web-2", "--expect-prompt=false"}, "expect: { hosts: ['web-1', 'web-2'], prompt: false },"},
		"weights":      {[]string{"flood", "web:5001", "--weights", "web-1=2,web-2=1"}, "weights: { 'web-1': 2, 'web-2': 1 },"},
		"exchange":     {[]string{"flood", "redis:6379", "--payload", `PING\r\n`, "--reply-match", `/^\+(PONG)/i`}, "payload: 'PING\\r\\n',\n    reply: { match: /^\\+(PONG)/i },"},
		"bytes":        {[]string{"flood", "web:1", "--payload", `\xff\x00`}, "payload: new Uint8Array([255, 0]).buffer,"},
		"quotes":       {[]string{"flood", "web:1", "--payload", `it's \`}, `payload: 'it\'s \\',`},
		"tags":         {[]string{"flood", "web:1", "--tags", "site=ham"}, "tags: { site: 'ham' },"},
		"hold":         {[]string{"hold", "web:80", "--duration", "10m"}, "await hold('web:80', {\n    duration: '10m',\n  });"},
		"ping":         {[]string{"ping", "http://web/"}, "await ping('http://web/');"},
		"TCP ping":     {[]string{"ping", "web:80"}, "import { tcpPing, summary } from 'k6/x/mconnect';"},
		"sockets":      {[]string{"sockets", "--expect-close-wait", "0"}, "await sockets({\n    expect: { close_wait: 0 },\n  });"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", append([]string{"script"}, row.args...)...)
			require.NoError(t, r.err)
			assert.Contains(t, r.stdout, row.says)
			assert.Contains(t, r.stdout, "thresholds: { mconnect_verdict_failed: ['rate==0'], mconnect_verdicts: ['count>0'] }")
			_, body, _ := strings.Cut(r.stdout, "export default ")
			body, _, found := strings.Cut(body, "export const handleSummary = summary();")
			assert.True(t, found, r.stdout)
			_, err := parser.ParseFile(nil, "script.js", "("+strings.TrimSpace(body)+")", 0)
			assert.NoError(t, err, body)
		})
	}
	r := run(t, "", "script", "hold", "web:80")
	assert.ErrorContains(t, r.err, "--duration")
	r = run(t, "", "script", "flood", "web:80", "--rate", "x")
	assert.ErrorContains(t, r.err, `--rate: got "x"`)
}
