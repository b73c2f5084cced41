package ping

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// shownBeginning is how many bytes of an answer that is not HTTP are shown.
const shownBeginning = 40

// protocolError is an answer in another protocol than HTTP: its first bytes.
type protocolError string

// Error implements error.
func (e protocolError) Error() string {
	return fmt.Sprintf("it is no HTTP: it begins with %q", string(e))
}

// advice says which protocol that most likely is, and what to do; "" if it can't be told.
func (e protocolError) advice() string {
	const alert, handshake, version = 0x15, 0x16, 0x03 // RFC 8446, 5.1
	_, isText := reply.Parse([]byte(e))
	switch {
	case len(e) > 1 && (e[0] == alert || e[0] == handshake) && e[1] == version:
		return "the server speaks TLS on this port: use https"
	case isText:
		return "the peer is no web server, but greets, as mconnect's responder, SMTP, SSH and FTP do: ping its HTTP port (mconnect-server -http), or ask for a connection only (tcpPing, or HOST:PORT without http://)"
	}
	return ""
}

// adviceOnProtocol says what to do if the peer speaks another protocol than the URL's; "" if that is not known.
func adviceOnProtocol(err error) string {
	if other, ok := errors.AsType[protocolError](err); ok {
		return other.advice()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the peer speaks no TLS on this port: use http, or the port that has TLS; of a peer that is no web server ask for a connection only (tcpPing, or HOST:PORT without https://)"
	}
	return ""
}
