//go:build !linux

package connect

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"

// sockets has nothing to keep: on this system every connection runs on package net.
type sockets struct{}

func (*sockets) newRunner(*engine.Job, engine.NewRules) engine.Runner { return nil }
