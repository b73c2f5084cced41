package connect

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server that refuses the client's certificate is not well, also where nothing is read: since TLS 1.3 it says so only after the handshake.
func TestFloodOfAServerThatWantsACertificate(t *testing.T) {
	t.Parallel()
	mine := selfSigned(t)
	for name, row := range map[string]struct {
		wants   tls.ClientAuthType
		version uint16
		have    []tls.Certificate
		refused bool
	}{
		"none is wanted":               {tls.NoClientCert, tls.VersionTLS13, nil, false},
		"one is asked for":             {tls.RequestClientCert, tls.VersionTLS13, nil, false},
		"one is wanted, and shown":     {tls.RequireAnyClientCert, tls.VersionTLS13, []tls.Certificate{mine}, false},
		"one is wanted":                {tls.RequireAnyClientCert, tls.VersionTLS13, nil, true},
		"one is wanted, of TLS 1.2":    {tls.RequireAnyClientCert, tls.VersionTLS12, nil, true},
		"another one is wanted":        {tls.RequireAndVerifyClientCert, tls.VersionTLS13, []tls.Certificate{mine}, true},
		"a wrong one is not looked at": {tls.RequestClientCert, tls.VersionTLS13, []tls.Certificate{mine}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12, MaxVersion: row.version, ClientAuth: row.wants}
			target := peer(t, func(c *net.TCPConn) { untilClosed(tls.Server(c, config)) })
			var e Engine
			r, err := e.Flood(t.Context(), FloodPlan{
				Plan:      Plan{Network: "tls", Targets: []Target{target}, Connections: 100, Concurrency: 8, Timeout: time.Minute, TLS: &tls.Config{InsecureSkipVerify: true, Certificates: row.have}}, // made for the occasion
				SkipReply: true,
			})
			require.NoError(t, err)
			if !row.refused {
				assert.EqualValues(t, 100, r.States.Completed, "%+v", r)
				return
			}
			assert.EqualValues(t, 100, r.FailedConnects, "%+v", r)
			assert.EqualValues(t, 100, r.Errors[ClassTLS], "%+v", r)
			assert.Contains(t, r.First[ClassTLS].Error(), "TLS handshake failed")
		})
	}
}
