package mesh

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile locks a file for as long as it is open (LockFileEx). It does not wait. The byte that is locked is far behind the end, so that
// others can read who has the lock.
func lockFile(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: math.MaxInt32})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return errLocked
	}
	return fmt.Errorf("%w: %w", errCannotLock, err)
}

// removeLocked gives up the lock before it removes the file, as Windows removes no open one. If another server has opened it meanwhile,
// it stays.
func removeLocked(file *os.File) {
	_ = file.Close()
	_ = os.Remove(file.Name())
}
