package lines_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/lines"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPrintsInOrder(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := lines.New(&out)
	for i := range 3 {
		p.Print(fmt.Sprintln("line", i))
	}
	p.Stop()
	assert.Equal(t, "line 0\nline 1\nline 2\n", out.String())
	assert.Zero(t, p.Dropped())
}

func TestNobody(t *testing.T) {
	t.Parallel()
	p := lines.New(nil)
	p.Print("x")
	assert.Zero(t, p.Dropped())
	p.Stop()
}

// A pipe that nobody reads holds up neither Print nor Stop; whoever reads later learns what is missing.
func TestStuckReader(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	p := lines.New(writer)
	const printed = 200_000
	for range printed {
		p.Print("a line that is longer than nothing\n")
	}
	assert.Positive(t, p.Dropped())
	p.Stop()

	var got int64
	var last string
	for scanner := bufio.NewScanner(reader); scanner.Scan(); got++ {
		if last = scanner.Text(); strings.HasPrefix(last, "#") {
			break
		}
	}
	assert.Equal(t, fmt.Sprintf("# %d lines are missing, since nobody read them in time", p.Dropped()), last)
	assert.EqualValues(t, printed, got+p.Dropped())
	require.NoError(t, writer.Close())
	_, err = io.Copy(io.Discard, reader)
	require.NoError(t, err)
}
