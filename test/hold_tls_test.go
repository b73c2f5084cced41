//go:build linux

package e2e

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Over TLS, connections are held, asked, and found dead as without it.
func TestHoldTLS(t *testing.T) {
	const connections = 200
	_, cert, key := certify(t, []string{"web.example"}, nil)
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1", "-hostname", "web-1", "-tls-cert", cert, "-tls-key", key)
	for _, test := range []struct {
		name    string
		options object
		script  object
		want    states
		errors  map[string]int64
	}{
		{"not checked", nil, object{"insecureSkipTLSVerify": true}, states{Completed: connections}, map[string]int64{}},
		{"without keepalive", object{"keepalive": nil}, object{"insecureSkipTLSVerify": true}, states{Completed: connections}, map[string]int64{}},
		{"unknown authority", nil, nil, states{Error: connections}, map[string]int64{"tls": connections}},
		{"plain TCP, to which nobody answers in TLS", object{"network": "tcp", "keepalive": nil}, nil, states{Completed: connections}, map[string]int64{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"network": "tls", "connections": connections, "concurrency": 16, "keepalive": "1s", "timeout": "1m"}
			maps.Copy(options, test.options)
			done := holdTest{
				ns: ns, script: test.script,
				args: object{"target": c.address, "port": portNumber(t, c.address), "options": options},
				body: `
					const held = await hold(args.target, args.options);
					if (args.options.keepalive && held.states().established) {
						await until(() => held.result().echo_time.max > 0);
						await wait(2500); // two rounds
					}
					tell('server', await sockets({ port: args.port }));
					tell('closed', await held.close());
				`,
			}.run(t)
			closed := done.result(t, "closed")
			assert.Equal(t, test.want, closed.States, "%v", closed.FirstErrors)
			assert.Equal(t, test.errors, closed.Errors)
			assert.Equal(t, test.want.Completed, tells[socketTable](t, done, "server").Established)
			if test.want.Completed > 0 && options["keepalive"] != nil {
				assert.GreaterOrEqual(t, done.Metrics["mconnect_echo_duration"].count(), int64(2*connections))
				assert.Positive(t, closed.EchoTime.Min)
			}
		})
	}
}
