//go:build !linux

package packets

import (
	"errors"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
)

// Server answers clients. There is none on this system.
type Server struct{}

// Start fails: answering from packets needs Linux.
func Start(string, frames.Way, []Service) (*Server, error) {
	return nil, errors.New("answering from packets needs Linux")
}

// Name is "".
func (*Server) Name() string { return "" }

// Close does nothing.
func (*Server) Close() {}
