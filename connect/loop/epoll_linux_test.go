package loop

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// The limit is the whole system's, so a test can't lower it.
func TestControlError(t *testing.T) {
	t.Parallel()
	full := controlError(unix.ENOSPC)
	assert.ErrorIs(t, full, unix.ENOSPC)
	assert.ErrorContains(t, full, "fs.epoll.max_user_watches")
	assert.EqualError(t, controlError(unix.EPERM), "epoll_ctl: operation not permitted")
}
