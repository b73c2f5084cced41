//go:build !linux

package main

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// floor does not exist here.
func floor(context.Context, flood) (time.Duration, error) {
	return 0, errors.New("the floor is a bare epoll loop, which " + runtime.GOOS + " does not have: run the bench on Linux")
}
