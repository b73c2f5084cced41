//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mesh

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks a file for as long as it is open (flock(2)). It does not wait.
func lockFile(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) // #nosec G115 -- descriptors are small
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	}
	return fmt.Errorf("%w: %w", errCannotLock, err)
}

// removeLocked removes the file before it gives up the lock, so that nobody locks what is about to go, and takes it for the lock.
func removeLocked(file *os.File) {
	_ = os.Remove(file.Name())
	_ = file.Close()
}
