package markdown_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/markdown"
)

func TestRows(t *testing.T) {
	t.Parallel()
	const text = "# A\n| flag | is |\n|---|---|\n| `-a` | one |\n|`-b`|two|\n\n| other | is |\n|---|---|\n| x | y |\n\n| flag |\n|---|\n| `-c` |\nflag\n"
	assert.Equal(t, [][]string{{"`-a`", "one"}, {"`-b`", "two"}, {"`-c`"}}, markdown.Rows(text, "flag"))
	assert.Empty(t, markdown.Rows(text, "none"))
	assert.Empty(t, markdown.Rows("", "flag"))
}
