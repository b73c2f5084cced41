// Package gonet is the driver on package net: TLS, and every network on systems without event loops. A connection has a goroutine, which
// dials it, reads it, and, when it is over, carries the next one. All of a job's connections share one core, under one lock; what can
// block is done outside of it.
package gonet
