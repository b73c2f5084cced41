//go:build !linux

package main

import (
	"context"
	"errors"
	"runtime"
	"time"
)

var errNoFloor = errors.New("the floor is a bare epoll loop, which " + runtime.GOOS + " does not have: run the bench on Linux")

// floor does not exist here.
func floor(context.Context, flood) (time.Duration, error) { return 0, errNoFloor }

// trafficFloor does not exist here.
func trafficFloor(context.Context, traffic) (echoed, error) { return echoed{}, errNoFloor }
