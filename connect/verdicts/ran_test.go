package verdicts_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestFailed(t *testing.T) {
	t.Parallel()
	v := verdicts.Failed("flood", errors.New("no such option"))
	assert.Equal(t, connect.Verdict{Name: verdicts.Ran, Text: "flood() did not run: no such option"}, v)
}
