// Package sys is the handful of socket calls that the event loops make per connection: non-blocking, without
// allocation, and without telling the Go scheduler, since none of them can block.
//
// It exists on Linux only; other systems run on package net.
package sys
