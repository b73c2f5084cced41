package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/cloudwatch"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

const (
	// findAWS is the time for credentials that are not in the environment, but with the machine or pod.
	findAWS = 15 * time.Second
	// lastFlush is the time for what has not been published when the server ends.
	lastFlush = 5 * time.Second
)

// startCloudWatch publishes every ping of the mesh, if -cloudwatch asks for it. To be called before the server starts, and
// end when it has stopped.
func (s *settings) startCloudWatch() (end func(), err error) {
	if !s.cloudWatch {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), findAWS)
	defer cancel()
	publisher, err := cloudwatch.New(ctx, cloudwatch.Options{Log: s.options.Log})
	if err != nil {
		return nil, fmt.Errorf("-cloudwatch: %w", err)
	}
	s.mesh.OnPing = func(p mesh.Ping) {
		publisher.Publish(cloudwatch.Sample{Time: p.Start, From: p.From, To: p.To, Status: p.Code(), Connect: p.Connect})
	}
	s.options.Collectors = append(s.options.Collectors, publisher)
	return func() { closeCloudWatch(publisher, s.options.Log) }, nil
}

func closeCloudWatch(publisher *cloudwatch.Publisher, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastFlush)
	defer cancel()
	publisher.Close(ctx)
	stats := publisher.Stats()
	log.Info("CloudWatch ended", "published", stats.Published, "dropped", stats.Dropped, "failed", stats.Failed)
}
