package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// perGoroutine is how mconnect and its like do it: a goroutine for each connection, over package net.
func perGoroutine(ctx context.Context, f flood) (time.Duration, error) {
	var (
		connections sync.WaitGroup
		failed      atomic.Pointer[error]
		lanes       = make(chan struct{}, f.Concurrency)
		start       = time.Now()
	)
	for i := range f.Connections {
		lanes <- struct{}{}
		if failed.Load() != nil {
			break
		}
		connections.Go(func() {
			defer func() { <-lanes }()
			if err := connectOnce(ctx, f.Network, f.Targets[i%len(f.Targets)].String()); err != nil {
				err = fmt.Errorf("connection %d of %d: %w", i+1, f.Connections, err)
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	connections.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return time.Since(start), nil
}

func connectOnce(ctx context.Context, network, target string) error {
	conn, err := dialAnswered(ctx, network, target)
	if err != nil {
		return err
	}
	return conn.Close()
}

// dialAnswered returns a connection that got its answer.
func dialAnswered(ctx context.Context, network, target string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, network, target)
	if err != nil {
		return nil, err
	}
	if err := readAnswer(conn, network); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func readAnswer(conn net.Conn, network string) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if network == "udp" {
		if _, err := conn.Write([]byte(payload)); err != nil {
			return err
		}
	}
	var answer [512]byte
	n, err := conn.Read(answer[:])
	if err == nil && n == 0 {
		return fmt.Errorf("%s gave an empty answer", conn.RemoteAddr())
	}
	return err
}
