//go:build !linux

package epoll

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"

// Loops has nothing to keep: this system has no epoll.
type Loops struct{}

// NewRunner returns nil: every connection runs on package net.
func NewRunner(*Loops, *engine.Job, engine.NewRules) engine.Runner { return nil }
