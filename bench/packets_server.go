package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// responderTask is a server that answers from packets, whose frames travel in a way that mconnect-server has no flag for.
type responderTask struct {
	Interface string     `json:"interface"`
	Address   string     `json:"address"`
	Frames    frames.Way `json:"frames"`
}

// packetsServerRole answers with the server's address once it runs.
func packetsServerRole(in io.Reader, out io.Writer) error {
	tasks := json.NewDecoder(in)
	var p responderTask
	if err := tasks.Decode(&p); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	s, err := server.Start(server.Options{Address: p.Address, UDP: true, Hostname: "web-1", Packets: p.Interface, Frames: p.Frames, Drain: -1})
	if err != nil {
		return fmt.Errorf("answering from packets: %w", err)
	}
	defer s.Close()
	if err := json.NewEncoder(out).Encode(p.Address); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	_, _ = io.Copy(io.Discard, in)
	return nil
}
