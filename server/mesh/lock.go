package mesh

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// lockSuffix makes the name of a state file's lock.
const lockSuffix = ".lock"

// Errors of lockFile. errCannotLock is what it returns where there are no locks: some file systems and kernels have none.
var (
	errLocked     = errors.New("locked")
	errCannotLock = errors.New("locks are not supported here")
)

// A stateLock keeps a second server from a state file. The kernel holds it for the process that has the file beside the state file open, so it
// ends with the process, however that ends. The state file itself is replaced with each change, so it can't be the one that is locked.
type stateLock struct{ file *os.File }

// lockState takes the lock of a state file. If another server has it, the error says which, and what to do. If there are no locks here,
// that is errCannotLock.
func lockState(path string) (*stateLock, error) {
	for {
		file, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- chosen by who starts the server
		if err != nil {
			return nil, fmt.Errorf("%w: the folder must exist and be writable", err)
		}
		if err := lockFile(file); err != nil {
			pid := lockedBy(file)
			_ = file.Close()
			if errors.Is(err, errLocked) {
				return nil, fmt.Errorf("is in use by another server%s: stop that one, or give each server a file of its own", pid)
			}
			return nil, err
		}
		if !isAt(file, path+lockSuffix) {
			_ = file.Close() // its owner has just removed it
			continue
		}
		if err := file.Truncate(0); err == nil {
			_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // for the error of others, no more
		}
		return &stateLock{file}, nil
	}
}

// lockedBy tells the process that has a lock, if it has written that down.
func lockedBy(file *os.File) string {
	data, _ := io.ReadAll(io.LimitReader(file, 32))
	if pid, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32); err == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}

// isAt reports whether a file still has its name.
func isAt(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err == nil && os.SameFile(opened, named)
}

// release gives the lock up, and removes its file. A nil lock is none.
func (l *stateLock) release() {
	if l == nil {
		return
	}
	removeLocked(l.file)
}
