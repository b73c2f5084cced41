package mesh

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However many ask, a sheet is made once in its time, and everybody gets it in the form that they take.
func TestSheetIsMadeOnce(t *testing.T) {
	t.Parallel()
	made := 0
	s := &sheet{pace: func() time.Duration { return time.Hour }, write: func(w io.Writer, _ time.Time) error {
		made++
		_, err := fmt.Fprint(w, "text ", made)
		return err
	}}
	ask := func(encoding string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		request.Header.Set("Accept-Encoding", encoding)
		s.serve(answer, request)
		return answer
	}
	for range 10 {
		assert.Equal(t, "text 1", ask("").Body.String())
		answer := ask("br, gzip")
		assert.Equal(t, "gzip", answer.Header().Get("Content-Encoding"))
		plain, err := gzip.NewReader(answer.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(plain)
		require.NoError(t, err)
		assert.Equal(t, "text 1", string(text))
	}
	s.at = s.at.Add(-time.Hour)
	assert.Equal(t, "text 2", ask("").Body.String())
	s.at, s.write = time.Time{}, func(io.Writer, time.Time) error { return errors.New("why") }
	answer := ask("gzip")
	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.Equal(t, "page: why\n", answer.Body.String())
}

// The matrix is written row by row, but is the JSON that it always was.
func TestMatrixAsJSON(t *testing.T) {
	t.Parallel()
	for _, cells := range [][][]*Cell{{}, {{nil, {URL: "http://a/", Location: "<a>"}}, {nil, nil}}} {
		want := Matrix{
			Location: "here", Time: time.Now().UTC().Truncate(time.Second), Rows: []string{"a", "b"}, Columns: []string{"a", "b"},
			Cells: cells, Ages: []float64{1, 2.5}, Left: 3,
		}
		var text strings.Builder
		require.NoError(t, want.write(&text))
		whole, err := json.Marshal(want)
		require.NoError(t, err)
		assert.JSONEq(t, string(whole), text.String())
	}
}
