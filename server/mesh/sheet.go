package mesh

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A sheet is an answer that is the same for all who ask. It is kept as it was made last, so that many readers do not cost more than
// one, and compressed, so that slow ones do not hold much.
type sheet struct {
	write func(w io.Writer, now time.Time) error
	// pace is how old it may be.
	pace func() time.Duration

	mu   sync.Mutex
	at   time.Time
	body []byte // gzip
}

// sheets are those of a mesh.
type sheets struct{ page, matrix, row *sheet }

func newSheets(m *Mesh) sheets {
	return sheets{
		page:   &sheet{write: m.writePage, pace: m.matrix.pace},
		matrix: &sheet{write: m.writeMatrix, pace: m.matrix.pace},
		row:    &sheet{write: m.writeRow, pace: func() time.Duration { return fresh }},
	}
}

// serve answers with the sheet, in the form that the caller's header of the answer says.
func (s *sheet) serve(w http.ResponseWriter, r *http.Request) {
	body, err := s.get()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body)
		return
	}
	if plain, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		_, _ = io.Copy(w, plain) // #nosec G110 -- made here
	}
}

func (s *sheet) get() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.body != nil && now.Sub(s.at) < s.pace() {
		return s.body, nil
	}
	var body bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err == nil {
		err = s.write(compressed, now)
	}
	if err == nil {
		err = compressed.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	s.at, s.body = now, body.Bytes()
	return s.body, nil
}
