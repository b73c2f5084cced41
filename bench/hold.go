package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
)

// holdRole opens connections and holds them, until its input ends. It answers with their number. As tcpgoon does, it may
// wait for data on each with a goroutine of its own.
func holdRole(read bool) func(in io.Reader, out io.Writer) error {
	return func(in io.Reader, out io.Writer) error {
		var f flood
		decoder := json.NewDecoder(in)
		if err := decoder.Decode(&f); err != nil {
			return fmt.Errorf("reading the task: %w", err)
		}
		held, err := openAll(f)
		var readers sync.WaitGroup
		defer readers.Wait()
		defer closeAll(held)
		if err != nil {
			return err
		}
		if read {
			for _, conn := range held {
				readers.Go(func() { _, _ = io.Copy(io.Discard, conn) })
			}
		}
		if err := json.NewEncoder(out).Encode(len(held)); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		_, _ = io.Copy(io.Discard, in)
		return nil
	}
}

func openAll(f flood) ([]net.Conn, error) {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		held    []net.Conn
		failed  error
	)
	for worker := range f.Concurrency {
		workers.Go(func() {
			for i := worker; i < f.Connections; i += f.Concurrency {
				conn, err := dialAnswered(context.Background(), f.Network, f.Targets[i%len(f.Targets)].String())
				mu.Lock()
				if err != nil {
					failed = fmt.Errorf("holding connection %d of %d: %w", i+1, f.Connections, err)
				} else {
					held = append(held, conn)
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	workers.Wait()
	return held, failed
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// serveRole is a server as mconnect and its like are: a goroutine for each connection, over package net. It takes no
// task, and answers with the port that it listens on.
func serveRole(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp4", "0.0.0.0:0") // #nosec G102 -- for every loopback address
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	if err := json.NewEncoder(out).Encode(portOf(listener)); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	_, _ = io.Copy(io.Discard, in)
	return listener.Close()
}

// answer tells a name and reads until the client is done.
func answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_, err := conn.Write([]byte("server"))
	var buffer [512]byte
	for err == nil {
		_, err = conn.Read(buffer[:])
	}
}
