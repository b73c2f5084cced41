//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "lab: network namespaces exist on Linux only: run it there, as root")
	os.Exit(1)
}
