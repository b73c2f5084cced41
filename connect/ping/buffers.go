package ping

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"sync"
)

// buffers serve one exchange after the other: new ones for each of a mesh's pings would be most of what there is to collect.
type buffers struct {
	bounds bounded
	in     *bufio.Reader // of bounds
	out    bytes.Buffer
	body   [32 << 10]byte
}

var idle = sync.Pool{New: func() any {
	b := &buffers{}
	b.in = bufio.NewReader(&b.bounds)
	return b
}}

func borrowBuffers(from io.Reader) *buffers {
	b := idle.Get().(*buffers) //nolint:forcetypeassert // there are no others
	b.bounds = bounded{from: from, left: maxHeader}
	b.in.Reset(&b.bounds)
	b.out.Reset()
	return b
}

// giveBack is for when nobody reads the answer any more.
func (b *buffers) giveBack() {
	b.bounds = bounded{}
	idle.Put(b)
}

// send writes the request at once.
func (b *buffers) send(to io.Writer, request *http.Request) error {
	if err := request.Write(&b.out); err != nil {
		return err
	}
	_, err := to.Write(b.out.Bytes())
	return err
}
