//go:build unix

package arena

import "golang.org/x/sys/unix"

// allocate returns so many bytes, nil if there are none.
func allocate(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return b
}

func free(b []byte) { _ = unix.Munmap(b) }
