package ping

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// exchange sends the request and reads the whole answer.
//
// http.Transport would do that too, but says neither when the final answer begins if an interim one came first, nor what a peer
// has said that speaks before it is asked.
func exchange(conn net.Conn, request *http.Request, r *Result, clock *timeline) error {
	b := borrowBuffers(conn)
	defer b.giveBack()
	unsent := b.send(conn, request)
	bounds := &b.bounds
	response, err := readHeader(bounds, b.in, request, clock) //nolint:bodyclose // Close would read to the end; the connection is closed
	if err != nil && unsent != nil && class.Of(err) != class.Other {
		return unsent // who could not ask can't expect an answer, unless the peer has said why
	}
	if err != nil {
		return err
	}
	bounds.left = math.MaxInt64
	r.Status, r.Header = response.StatusCode, response.Header
	body := &body{}
	r.Size, err = io.CopyBuffer(body, io.LimitReader(response.Body, MaxBody+1), b.body[:])
	r.Location = findLocation(body.head)
	switch {
	case err != nil:
		return err
	case r.Size > MaxBody:
		return errTooLarge
	}
	clock.end(PhaseLastByte)
	return nil
}

// readHeader reads up to the final answer's body. An interim answer (RFC 9110, 15.2), such as 103 Early Hints, is none: what
// is waited for comes after it.
func readHeader(from *bounded, in *bufio.Reader, request *http.Request, clock *timeline) (*http.Response, error) {
	for {
		if _, err := in.Peek(1); err != nil {
			return nil, err
		}
		clock.end(PhaseFirstByte)
		if err := checkProtocol(in); err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(in, request)
		switch {
		case err != nil && from.failed != nil:
			return nil, cutOff(from.failed)
		case err != nil:
			return nil, err
		case response.StatusCode < http.StatusContinue:
			return nil, fmt.Errorf("malformed HTTP status code %q", response.Status)
		case response.StatusCode >= http.StatusOK || response.StatusCode == http.StatusSwitchingProtocols:
			return response, nil
		}
		clock.reopen(PhaseFirstByte)
	}
}

// checkProtocol returns an error if an answer does not begin as one of HTTP does. It waits for no more than that takes: a greeting has no end that
// could be read.
func checkProtocol(in *bufio.Reader) error {
	const begins = "HTTP/"
	for n := 1; n <= len(begins); n++ {
		if beginning, _ := in.Peek(n); !strings.HasPrefix(begins, string(beginning)) { // whoever reads on is told of an error, too
			all, _ := in.Peek(in.Buffered())
			return protocolError(all[:min(len(all), shownBeginning)])
		}
	}
	return nil
}

// cutOff says why an answer's header has no end: what can't be read further looks malformed to the reader.
func cutOff(failed error) error {
	if errors.Is(failed, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return failed
}

var (
	errTooLarge   = errors.New("the body has more than 64 MiB; ping a smaller page")
	errLongHeader = fmt.Errorf("the header exceeded %d bytes", maxHeader)
)

// bounded reads no more than is left, interim answers included: a header that has no end would fill the memory.
type bounded struct {
	from   io.Reader
	left   int64
	failed error // that has ended reading
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.failed = errLongHeader
		return 0, b.failed
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left, b.failed = b.left-int64(n), err
	return n, err
}

// body keeps the beginning of an answer and lets the rest go.
type body struct{ head []byte }

// Write implements io.Writer.
func (b *body) Write(data []byte) (int, error) {
	b.head = append(b.head, data[:min(len(data), locationWithin-len(b.head))]...)
	return len(data), nil
}
