package server

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

const (
	// headerTimeout is the time for a connection's PROXY header, unless IdleTimeout is shorter. A proxy sends it with its handshake.
	headerTimeout = 5 * time.Second
	// headerV1 is the longest header of version 1, headerV2 the fixed part of one of version 2, which tells how long the rest is.
	headerV1 = 107
	headerV2 = 16
	// headerShown is how much of what came instead of a header the log shows.
	headerShown = 32
)

// Places in a header of version 2.
const (
	headerCommand = 12
	headerFamily  = 13
	headerRest    = 14
)

var (
	errNoHeader   = errors.New("it does not begin with a PROXY header")
	errHeaderLong = errors.New("its PROXY header is longer than accepted")
	errHeaderLate = errors.New("its PROXY header did not come in time")
	errHeaderEnd  = errors.New("it ended before its PROXY header was whole")
)

// headerTimeout is the time for a connection's PROXY header.
func (o *Options) headerTimeout() time.Duration { return min(headerTimeout, o.IdleTimeout) }

// A headerParser reads PROXY headers, one after the other, with the same memory.
// The format is https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt.
type headerParser struct {
	data   bytes.Reader
	reader *bufio.Reader
}

func newHeaderParser() *headerParser {
	p := &headerParser{}
	p.reader = bufio.NewReaderSize(&p.data, headerV2+int(proxyproto.MaxV2HeaderSize))
	return p
}

// parse reads the header at the beginning of data, which comes from the address own. If whole is false, more of it has to come. The
// source is the client's address: own, if the header leaves that open (LOCAL, UNKNOWN), or names a Unix socket. The rest is what follows.
func (p *headerParser) parse(data []byte, own netip.AddrPort) (source netip.AddrPort, rest []byte, whole bool, err error) {
	length, err := headerLength(data)
	if err != nil || length == 0 || length > len(data) {
		return source, nil, false, err
	}
	header, rest := data[:length], data[length:]
	if unspecified(header) {
		return own, rest, true, nil
	}
	p.data.Reset(header)
	p.reader.Reset(&p.data)
	parsed, err := proxyproto.Read(p.reader)
	if err != nil {
		return source, nil, false, err //nolint:wrapcheck // rejectHeader tells it
	}
	return sourceOf(parsed, own), rest, true, nil
}

// headerLength is how long the header at the beginning of data is, or 0 as long as that is not known.
func headerLength(data []byte) (int, error) {
	switch {
	case agree(data, proxyproto.SIGV2):
		if len(data) < headerV2 {
			return 0, nil
		}
		rest := binary.BigEndian.Uint16(data[headerRest:])
		if rest > proxyproto.MaxV2HeaderSize {
			return 0, errHeaderLong
		}
		return headerV2 + int(rest), nil
	case agree(data, proxyproto.SIGV1):
		end := bytes.IndexByte(data[:min(len(data), headerV1)], '\n')
		if end < 0 && len(data) >= headerV1 {
			return 0, errHeaderLong
		}
		return end + 1, nil
	}
	return 0, errNoHeader
}

// agree reports whether data begins with a signature, as far as it goes.
func agree(data, signature []byte) bool {
	n := min(len(data), len(signature))
	return bytes.Equal(data[:n], signature[:n])
}

// unspecified reports whether a whole header is one of version 2 with the command PROXY and no address family. The library takes
// that for an error, but the specification lets receivers use the connection's own address.
func unspecified(header []byte) bool {
	return bytes.HasPrefix(header, proxyproto.SIGV2) && header[headerCommand] == byte(proxyproto.PROXY) && header[headerFamily] == byte(proxyproto.UNSPEC)
}

func sourceOf(header *proxyproto.Header, own netip.AddrPort) netip.AddrPort {
	if header.Command.IsLocal() {
		return own
	}
	switch header.SourceAddr.(type) {
	case *net.TCPAddr, *net.UDPAddr:
		return addrPort(header.SourceAddr)
	}
	return own
}

// rejectHeader counts a connection that is closed for want of a header, and says so. One that its peer has closed without a word counts
// as none: health checks do that.
func (s *Server) rejectHeader(count *counters, client netip.AddrPort, began []byte, err error) {
	if len(began) == 0 && errors.Is(err, errHeaderEnd) {
		return
	}
	count.headerErrors.Add(1)
	if s.noHeader.ok() {
		s.log.Warn("Connection closed; "+err.Error()+": let the load balancer send one (HAProxy: send-proxy-v2), or start the server without -proxy-protocol",
			"client", client.String(), "began_with", fmt.Sprintf("%q", began[:min(len(began), headerShown)]))
	}
}
