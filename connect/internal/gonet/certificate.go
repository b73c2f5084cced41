package gonet

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// noteAsked has a configuration note whether the server asks for a certificate. The answer is as without it: that of the configuration's own
// function, or its first certificate that will do.
func noteAsked(config *tls.Config, asked *bool) {
	given := config.GetClientCertificate
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		*asked = true
		if given != nil {
			return given(request)
		}
		for i := range config.Certificates {
			if request.SupportsCertificate(&config.Certificates[i]) == nil {
				return &config.Certificates[i], nil
			}
		}
		return new(tls.Certificate), nil
	}
}

// waitsForAlert reports whether it is to be seen if the server refuses the certificate: on the first connections, and on all once one was refused, as one
// that accepts says nothing, and the wait would make a long flood late.
func (c *conn) waitsForAlert() bool {
	const first = 64
	return c.number < first || c.runner.refuses.Load()
}

// refused waits as long again as the handshake took, and some more, and returns the server's alert if one comes: since TLS 1.3 a server judges the client's
// certificate only when the client's handshake has ended, and nothing else is read on this connection.
func (c *conn) refused(tcp net.Conn, secure *tls.Conn, took int64) error {
	const reserve = 250 * time.Millisecond
	c.runner.mu.Lock()
	if !c.closed {
		_ = tcp.SetReadDeadline(instant(c.shaken + took + int64(reserve)))
	}
	c.runner.mu.Unlock()
	_, err := secure.Read(make([]byte, 1))
	if told, ok := errors.AsType[*net.OpError](err); ok && told.Op == "remote error" {
		c.runner.refuses.Store(true)
		return engine.HandshakeError{Err: err}
	}
	return nil
}

// shake shakes hands over TLS.
func (c *conn) shake(tcp net.Conn, deadline int64) (*tls.Conn, error) {
	plan, config, asked, began := &c.runner.job.Plan, c.tlsConfig(), false, loop.Now()
	if plan.Unread {
		noteAsked(config, &asked)
	}
	secure := tls.Client(&lastLooker{Conn: tcp, conn: c, late: lateness{deadline: deadline, most: plan.ConnectTimeout}}, config)
	if err := secure.Handshake(); err != nil { //nolint:noctx // the deadline bounds it, and can be moved
		return nil, engine.HandshakeError{Err: err}
	}
	c.shaken = loop.Now()
	if asked && secure.ConnectionState().Version >= tls.VersionTLS13 && c.waitsForAlert() {
		return secure, c.refused(tcp, secure, c.shaken-began)
	}
	return secure, nil
}
