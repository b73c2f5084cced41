//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package mesh

import "os"

func lockFile(*os.File) error { return errCannotLock }

func removeLocked(file *os.File) {
	_ = os.Remove(file.Name())
	_ = file.Close()
}
