//go:build !linux

package packets

import "errors"

// Server answers clients. There is none on this system.
type Server struct{}

// Start fails: answering from packets needs Linux.
func Start(string, []Service) (*Server, error) {
	return nil, errors.New("answering from packets needs Linux")
}

// Close does nothing.
func (*Server) Close() {}
